/**
 * Providers sign their reasoning and tool calls, and refuse signatures that another model made. A conversation may go
 * from one model to the next, so a signature carries its maker and is sent back to that one only.
 */
export function seal(wire: string, model: string, signature: string): string {
  return `${wire}|${model}|${signature}`;
}

/** The signature as the provider made it, or undefined if it is not this model's. An unsealed one is taken as it is. */
export function unseal(wire: string, model: string, sealed: string | undefined): string | undefined {
  if (sealed === undefined) return undefined;
  const [maker, madeBy, ...rest] = sealed.split('|');
  if (rest.length === 0) return sealed;
  return maker === wire && madeBy === model ? rest.join('|') : undefined;
}
