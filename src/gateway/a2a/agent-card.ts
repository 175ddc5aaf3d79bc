import { AgentCard } from '@a2a-js/sdk';
import type { AgentDefinition } from '../../contract/index.ts';

export interface CardOptions {
  name: string;
  agent: AgentDefinition;
  /** where its JSON-RPC is */
  url: string;
  version: string;
  /** an API key is asked for */
  needsKey: boolean;
}

const MODES = ['text/plain', 'application/json', 'image/png', 'image/jpeg', 'image/gif', 'image/webp'];

/** The card of an agent, as the SDK has it: A2A 1.0, and 0.3, at one address. */
export function cardOf({ name, agent, url, version, needsKey }: CardOptions): AgentCard {
  const called = agent.name ?? name;
  const description = agent.description ?? 'An agent behind Cadenza: its tasks are durable runs';
  const over = { url, protocolBinding: 'JSONRPC', tenant: '' };
  const scheme = {
    $case: 'httpAuthSecurityScheme' as const,
    value: { description: '', scheme: 'bearer', bearerFormat: '' },
  };
  return {
    ...{ name: called, description, version, provider: undefined, signatures: [] },
    supportedInterfaces: [
      { ...over, protocolVersion: '1.0' },
      { ...over, protocolVersion: '0.3' },
    ],
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false, extensions: [] },
    securitySchemes: needsKey ? { apiKey: { scheme } } : {},
    securityRequirements: needsKey ? [{ schemes: { apiKey: { list: [] } } }] : [],
    ...{ defaultInputModes: MODES, defaultOutputModes: MODES.slice(0, 2) },
    skills: [
      {
        ...{ id: name, name: called, description, tags: ['agent'], examples: [] },
        ...{ inputModes: [], outputModes: [], securityRequirements: [] },
      },
    ],
  };
}

/** The card on the line, in the words of the version that asks. Those of 0.3 read the interfaces of 1.0 too. */
export function cardJson(card: AgentCard, isLegacy: boolean): object {
  const json = AgentCard.toJSON(card) as Record<string, unknown>;
  if (!isLegacy) return json;
  const { supportedInterfaces, securityRequirements: _, securitySchemes, ...rest } = json;
  const [{ url }] = card.supportedInterfaces as [AgentCard['supportedInterfaces'][number]];
  return {
    ...rest,
    ...{ url, preferredTransport: 'JSONRPC', protocolVersion: '0.3.0', supportedInterfaces },
    ...(securitySchemes === undefined
      ? {}
      : { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } }, security: [{ apiKey: [] }] }),
  };
}
