import type { RunInfo } from '../contract/index.ts';
import type { TemporalLinks } from './app.ts';

/** Addresses of everything about a run: paths on this server, and the run's page in the Temporal UI. */
export function linksOf(
  { id, activityRunId }: Pick<RunInfo, 'id' | 'activityRunId'>,
  { temporalUiUrl, namespace }: TemporalLinks,
): Record<string, string> {
  const self = `/v1/runs/${encodeURIComponent(id)}`;
  return {
    self,
    result: `${self}/result`,
    events: `${self}/events`,
    bill: `${self}/bill`,
    timeline: `${self}/timeline`,
    ...(temporalUiUrl && { temporal: temporalLink({ id, activityRunId }, temporalUiUrl, namespace) }),
  };
}

export function temporalLink(
  { id, activityRunId }: Pick<RunInfo, 'id' | 'activityRunId'>,
  temporalUiUrl: string,
  namespace: string,
): string {
  const ui = temporalUiUrl.replace(/\/$/, '');
  const page = activityRunId === undefined ? ['workflows', id] : ['activities', id, activityRunId];
  // Its run is not known: the list of activities shows it.
  if (activityRunId === '') {
    return `${ui}/namespaces/${encodeURIComponent(namespace)}/activities?query=${encodeURIComponent(`ActivityId="${id}"`)}`;
  }
  return [ui, 'namespaces', ...[namespace, ...page].map(encodeURIComponent)].join('/');
}
