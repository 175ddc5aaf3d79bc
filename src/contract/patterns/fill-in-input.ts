import {
  asText,
  fillIn,
  fillInQuoted,
  joined,
  type LookUp,
  quoted,
  type Reference,
  templateParts,
} from './template.ts';

/** Fields of a sub-run's input that hold templates of its own, which the chain above leaves as they are. */
const OWN_TEMPLATES: Record<string, string[]> = { chain: ['steps', 'output'], map: ['input'] };

type Fields = Record<string, unknown>;

/** The part of a sub-run's input that the chain fills in, and the part it leaves alone. */
export function splitSubRunInput(pattern: string, input: unknown): { filled: unknown; kept: Fields } {
  const own = OWN_TEMPLATES[pattern];
  if (!own || !isFields(input)) return { filled: input, kept: {} };
  const fields = Object.entries(input);
  return {
    filled: Object.fromEntries(fields.filter(([key]) => !own.includes(key))),
    kept: Object.fromEntries(fields.filter(([key]) => own.includes(key))),
  };
}

/**
 * A pattern's input with its templates filled in. Where the pattern reads a text once more, as a chain does its prompts and
 * a crew its descriptions, what is filled in stays a value: nothing in it is read. Steps, agents and tasks that come whole
 * from what is referred to are steps, agents and tasks, templates and all.
 */
export function fillInInput(pattern: string, input: unknown, lookUp: LookUp): unknown {
  if (pattern === 'chain') return inChain(input, lookUp);
  return pattern === 'crew' ? inCrew(input, lookUp) : fillIn(input, lookUp);
}

/** Fills in the fields of a value, some of them in a way of their own. */
function inFields(value: unknown, lookUp: LookUp, own: Record<string, (field: unknown) => unknown>): unknown {
  if (!isFields(value)) return fillIn(value, lookUp);
  const fields = Object.entries(value).map(([key, field]) => {
    const fill = Object.hasOwn(own, key) ? own[key]! : (plain: unknown) => fillIn(plain, lookUp);
    return [key, fill(field)];
  });
  return Object.fromEntries(fields);
}

/** Those of a list, or of an object by their names. */
function inMembers(value: unknown, lookUp: LookUp, fill: (member: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(fill);
  if (!isFields(value)) return fillIn(value, lookUp);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fill(member)]));
}

function inChain(input: unknown, lookUp: LookUp): unknown {
  const read = (value: unknown) => fillInQuoted(value, lookUp);
  const condition = (value: unknown) => (isFields(value) ? read(value) : fillIn(value, lookUp));
  const steps = (list: unknown) => inMembers(list, lookUp, step);
  return inFields(input, lookUp, { steps, output: read });

  function step(value: unknown): unknown {
    return inFields(value, lookUp, {
      ...{ prompt: read, system: read, forEach: read, when: condition, steps, parallel: steps },
      repeat: (repeat) => inFields(repeat, lookUp, { until: condition }),
      input: (given) => subRunInput(asText(fillIn((value as Fields).pattern, lookUp)), given),
    });
  }

  /** The chain reads it, but for what the sub-run reads itself. */
  function subRunInput(pattern: string, given: unknown): unknown {
    if (!Object.hasOwn(OWN_TEMPLATES, pattern)) return read(given);
    const whole = isFields(given) ? given : fillIn(given, lookUp);
    const { filled, kept } = splitSubRunInput(pattern, whole);
    if (!isFields(whole)) return quoted(whole);
    if (whole !== given) return { ...(quoted(filled) as Fields), ...kept };
    const own = pattern === 'chain' ? inChain(kept, lookUp) : read(kept);
    return { ...(read(filled) as Fields), ...(own as Fields) };
  }
}

/** What could be a crew's placeholder, or a part of one, becomes one of its inputs. */
function inCrew(input: unknown, lookUp: LookUp): unknown {
  if (!isFields(input)) return fillIn(input, lookUp);
  const inputs = fillIn(input.inputs ?? {}, lookUp);
  if (!isFields(inputs)) return fillIn(input, lookUp);
  const added: Fields = {};
  const member = (...names: string[]) => {
    const texts = Object.fromEntries(names.map((name) => [name, text]));
    return (value: unknown) => inFields(value, lookUp, texts);
  };
  const who = member('role', 'goal', 'backstory');
  const task = member('description', 'expectedOutput', 'expected_output', 'guardrail', 'guardrails');
  const crew = inFields(input, lookUp, {
    agents: (agents) => inMembers(agents, lookUp, who),
    manager: who,
    tasks: (tasks) => inMembers(tasks, lookUp, task),
  });
  return Object.keys(added).length === 0 ? crew : { ...(crew as Fields), inputs: { ...inputs, ...added } };

  function text(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(text);
    if (typeof value !== 'string') return fillIn(value, lookUp);
    return joined(templateParts(value), lookUp, (found, part) =>
      typeof found === 'string' && /[{}]/.test(found) ? `{${addedAs(part, found)}}` : found,
    );
  }

  function addedAs(part: Reference | object, value: string): string {
    const name = 'text' in part ? part.text.replaceAll(/\W+/g, '_') : 'text';
    const taken = (as: string) =>
      Object.hasOwn(inputs as Fields, as) || (Object.hasOwn(added, as) && added[as] !== value);
    let free = name;
    for (let nth = 2; taken(free); nth += 1) free = `${name}_${nth}`;
    added[free] = value;
    return free;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
