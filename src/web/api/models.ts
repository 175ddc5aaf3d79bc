import { signal } from '@preact/signals';
import { type Problem, problemOfError, request } from './request.ts';

/** What can be asked: a model (`provider/model`), or a policy of the installation by its name. */
export interface KnownModel {
  id: string;
  /** its provider; of a policy, `policies` */
  group: string;
  /** USD of a million tokens, where they are known */
  price?: Price;
}

interface Price {
  input: number;
  output: number;
}

/** As `GET /v1/models` tells it. */
interface Listed {
  id: string;
  kind: string;
  price_usd?: { input_per_million: number; output_per_million: number };
}

export const models = signal<KnownModel[] | undefined>(undefined);
export const modelsProblem = signal<Problem | undefined>(undefined);

let loading: Promise<void> | undefined;

/** Loads the list once; what fails is tried again with the next call. */
export function loadModels(): Promise<void> {
  loading ??= request<{ data: Listed[] }>('/v1/models').then(
    ({ data }) => {
      models.value = data.filter(({ kind }) => kind === 'model' || kind === 'policy').map(asKnown);
      modelsProblem.value = undefined;
    },
    (error: unknown) => {
      modelsProblem.value = problemOfError(error);
      loading = undefined;
    },
  );
  return loading;
}

/** The price of a model; undefined where it is not known, or no list is here yet. */
export function priceOf(model: string): Price | undefined {
  return models.value?.find(({ id }) => id === model)?.price;
}

function asKnown({ id, price_usd: price }: Listed): KnownModel {
  const group = id.includes('/') ? id.slice(0, id.indexOf('/')) : 'policies';
  return { id, group, price: price && { input: price.input_per_million, output: price.output_per_million } };
}
