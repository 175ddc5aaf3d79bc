import { signal } from '@preact/signals';
import { type Problem, problemOfError, request } from './request.ts';

/** What can be asked: a model (`provider/model`), or a policy of the installation by its name. */
export interface KnownModel {
  id: string;
  /** its provider; of a policy, `policies` */
  group: string;
}

export const models = signal<KnownModel[] | undefined>(undefined);
export const modelsProblem = signal<Problem | undefined>(undefined);

let loading: Promise<void> | undefined;

/** Loads the list once; what fails is tried again with the next call. */
export function loadModels(): Promise<void> {
  loading ??= request<{ data: { id: string; kind?: string }[] }>('/v1/models').then(
    ({ data }) => {
      const asked = data.filter(({ kind = 'model' }) => kind === 'model' || kind === 'policy');
      models.value = asked.map(({ id }) => ({
        id,
        group: id.includes('/') ? id.slice(0, id.indexOf('/')) : 'policies',
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
