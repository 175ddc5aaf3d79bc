import { shortened } from './well-formed.ts';

/** How people know a tool call in a timeline: `web_search "oxbow lakes" · researcher`. @param telling the argument that tells most */
export function toolSummary(tool: string, args: Record<string, unknown>, agent: string, telling?: string): string {
  const told = telling === undefined ? undefined : args[telling];
  const value = told ?? Object.values(args).find((one) => typeof one === 'string' || typeof one === 'number');
  const shown = value === undefined ? '' : ` "${shortened(oneLineOf(value), 60)}"`;
  return `${tool}${shown} · ${agent}`;
}

function oneLineOf(value: unknown): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).replace(/\s+/g, ' ').trim();
}
