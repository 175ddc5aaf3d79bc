import {
  type CallError,
  fieldPath,
  type Policy,
  policiesOf,
  Route,
  type RouteRef,
  unknownRoute,
} from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { checkEmbeddings } from './check-embeddings.ts';
import { checkCandidates, type Placed } from './check-models.ts';

type Rooms = Pick<OpenRooms, 'config' | 'providers'>;

/** What is wrong with the routers an input names: names, policies and models that are not there. */
export async function checkRoutes(rooms: Rooms, input: object): Promise<CallError | undefined> {
  const found = await Promise.all(routesIn(input, ['input']).map(([path, ref]) => checkRoute(rooms, ref, path)));
  return found.find((error) => error !== undefined);
}

async function checkRoute({ config, providers }: Rooms, ref: RouteRef, path: PropertyKey[]) {
  const at = fieldPath('', path);
  if (typeof ref === 'string' && !Object.hasOwn(config.routes, ref))
    return unknownRoute(ref, Object.keys(config.routes), at);
  const parsed = typeof ref === 'string' ? undefined : Route.safeParse(ref);
  // a template may stand in the input of a chain's step: the run checks what it becomes
  if (parsed?.success === false) return undefined;
  const route = typeof ref === 'string' ? config.routes[ref]! : parsed!.data;
  const place = (inside: PropertyKey[]) => (typeof ref === 'string' ? at : fieldPath('', [...path, ...inside]));
  try {
    const policies = policiesOf(route).map(([inside, policy]) => {
      const where = place(inside);
      const { candidates }: Policy = providers.resolvePolicy(policy, where);
      return candidates.map((model): Placed => [where, model]);
    });
    if (route.strategy === 'semantic') checkEmbeddings(providers, route.embeddings, place(['embeddings']));
    const errors = await Promise.all(policies.map((candidates) => checkCandidates(providers, candidates)));
    return errors.find((error) => error !== undefined);
  } catch (thrown) {
    if (thrown instanceof ProviderError) return thrown.error;
    throw thrown;
  }
}

/** The routers of an input, and of the inputs of a chain's steps. */
function routesIn(input: object, path: PropertyKey[]): [PropertyKey[], RouteRef][] {
  const { route, input: inner, steps, parallel } = input as Record<string, unknown>;
  const lists = Object.entries({ steps, parallel }).flatMap(([field, list]) =>
    Array.isArray(list)
      ? list.map((step: object, index): [PropertyKey[], object] => [[...path, field, index], step])
      : [],
  );
  const nested: [PropertyKey[], object][] =
    inner !== null && typeof inner === 'object' ? [[[...path, 'input'], inner]] : [];
  const own: [PropertyKey[], RouteRef][] = isRouteRef(route) ? [[[...path, 'route'], route]] : [];
  return [...own, ...[...lists, ...nested].flatMap(([at, one]) => routesIn(one, at))];
}

function isRouteRef(value: unknown): value is RouteRef {
  if (typeof value === 'string') return !value.includes('{{');
  return typeof value === 'object' && value !== null && 'strategy' in value;
}
