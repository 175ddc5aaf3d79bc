/** The longest name all providers take. */
const LONGEST = 64;

/** Names of one source's tools as models may see them: `pets__listPets`; cut at 64 characters, numbered where two are the same. */
export function toolNames(source: string): (name: string) => string {
  const taken = new Set<string>();
  return (given) => {
    const whole = `${source}__${given.replace(/[^\w-]+/g, '_').replace(/^_+|_+$/g, '')}`;
    let name = whole.slice(0, LONGEST);
    for (let nth = 2; taken.has(name); nth++) {
      const end = `_${nth}`;
      name = `${whole.slice(0, LONGEST - end.length)}${end}`;
    }
    taken.add(name);
    return name;
  };
}
