import { signal } from '@preact/signals';
import { type Problem, problemOfError, request } from './request.ts';

/** What can be asked: a model (`provider/model`), or a name of the installation for one. */
export interface KnownModel {
  id: string;
  /** before the slash; of a name, what it is */
  group: string;
  isSandbox: boolean;
}

export const models = signal<KnownModel[] | undefined>(undefined);
export const modelsProblem = signal<Problem | undefined>(undefined);

let loading: Promise<void> | undefined;

/** Loads the list once; what fails is tried again with the next call. */
export function loadModels(): Promise<void> {
  loading ??= request<{ data: { id: string; owned_by?: string }[] }>('/v1/models').then(
    ({ data }) => {
      models.value = data.map(({ id, owned_by }) => ({
        id,
        group: id.includes('/') ? id.slice(0, id.indexOf('/')) : (owned_by ?? 'names'),
        isSandbox: id.startsWith('sandbox/'),
      }));
      modelsProblem.value = undefined;
    },
    (error: unknown) => {
      modelsProblem.value = problemOfError(error);
      loading = undefined;
    },
  );
  return loading;
}
