import type { TemporalLinks } from './app.ts';

/** Addresses of everything about a run: paths on this server, and the run's page in the Temporal UI. */
export function linksOf(id: string, { temporalUiUrl, namespace }: TemporalLinks): Record<string, string> {
  const self = `/v1/runs/${encodeURIComponent(id)}`;
  return {
    self,
    result: `${self}/result`,
    events: `${self}/events`,
    bill: `${self}/bill`,
    timeline: `${self}/timeline`,
    ...(temporalUiUrl && { temporal: temporalLink(id, temporalUiUrl, namespace) }),
  };
}

export function temporalLink(id: string, temporalUiUrl: string, namespace: string): string {
  const ui = temporalUiUrl.replace(/\/$/, '');
  return `${ui}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(id)}`;
}
