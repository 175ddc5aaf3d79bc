import { z } from 'zod';
import type { CallError } from '../errors.ts';
import { later } from '../later.ts';
import type { PolicyRef } from '../policy.ts';
import type { Route } from './definition.ts';

/** What a router knows of a request. */
export const RouteFacts = later(() =>
  z.object({
    /** estimated, of all messages */
    tokens: z.number(),
    code: z.boolean(),
    images: z.boolean(),
    /** what the user said last; of a long text its beginning and its end */
    text: z.string(),
    tenant: z.string().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
);
export type RouteFacts = z.infer<typeof RouteFacts>;

/** What was not chosen, and why. */
export const RejectedChoice = later(() =>
  z.object({
    choice: z.string(),
    reason: z.string(),
    confidence: z.number().optional(),
    /** what trying it cost */
    costUsd: z.number().nullable().optional(),
  }),
);
export type RejectedChoice = z.infer<typeof RejectedChoice>;

export const RouteDecision = later(() =>
  z.object({
    choice: z.string(),
    reason: z.string(),
    /** 0..1 */
    confidence: z.number().optional(),
    rejected: z.array(RejectedChoice),
    /** what would do too, best first: asked if the chosen one cannot answer */
    alternatives: z.array(z.string()).optional(),
    /** what embeddings cost to decide, USD; what models cost is told by their own calls */
    costUsd: z.number().optional(),
  }),
);
export type RouteDecision = z.infer<typeof RouteDecision>;

/** The default, because the router itself could not decide. */
export function defaultAfter(route: Route, error: string): RouteDecision {
  return { choice: route.default, reason: `The router failed, so the default is taken: ${error}`, rejected: [] };
}

/** The policy or model a label stands for. */
export function policyOfChoice(route: Route, choice: string): PolicyRef {
  return route.policies && Object.hasOwn(route.policies, choice) ? route.policies[choice]! : choice;
}

/** The order in which a cascade asks; the default is the last one. */
export function cascadeOrder(route: { stages: string[]; default: string }): string[] {
  return [...new Set(route.stages.filter((stage) => stage !== route.default)), route.default];
}

/** @param known names of the config's routes */
export function unknownRoute(name: string, known: string[], path = 'input.route'): CallError {
  const list = known.length === 0 ? 'The config has none' : `Known now: ${known.join(', ')}`;
  return {
    type: 'InvalidRequest',
    message: `There is no route named "${name}". ${list}. In ${path}.`,
    hint: 'Give the definition of a route, or add the name to routes in cadenza.config.ts.',
    path,
  };
}

/** Every label a router may choose. */
export function labelsOf(route: Route): string[] {
  return [...new Set([...choices(route), route.default])];
}

function choices(route: Route): string[] {
  switch (route.strategy) {
    case 'rules':
      return route.rules.map(({ choose }) => choose);
    case 'classifier':
      return Object.keys(route.labels);
    case 'semantic':
      return Object.keys(route.examples);
    case 'cascade':
      return route.stages;
    case 'goal':
      return route.candidates;
  }
}

/** Every policy and model a router may ask, with the path to it: what it chooses between, and what it decides with. */
export function policiesOf(route: Route): [path: PropertyKey[], policy: PolicyRef][] {
  const chosen = labelsOf(route).map((label): [PropertyKey[], PolicyRef] => [
    route.policies && Object.hasOwn(route.policies, label) ? ['policies', label] : pathOf(route, label),
    policyOfChoice(route, label),
  ]);
  if (route.strategy === 'classifier') return [...chosen, [['model'], route.model]];
  if (route.strategy === 'cascade' && route.accept.check === 'judge') {
    return [...chosen, [['accept', 'policy'], route.accept.policy]];
  }
  return chosen;
}

function pathOf(route: Route, label: string): PropertyKey[] {
  if (label === route.default) return ['default'];
  switch (route.strategy) {
    case 'rules':
      return ['rules', route.rules.findIndex(({ choose }) => choose === label), 'choose'];
    case 'classifier':
      return ['labels', label];
    case 'semantic':
      return ['examples', label];
    case 'cascade':
      return ['stages', route.stages.indexOf(label)];
    case 'goal':
      return ['candidates', route.candidates.indexOf(label)];
  }
}
