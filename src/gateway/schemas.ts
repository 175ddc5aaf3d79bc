import { z } from '@hono/zod-openapi';
import * as contract from '../contract/index.ts';

// Schemas made before the OpenAPI extension was loaded do not have `.openapi`; a copy does.
function named<Schema extends z.ZodType>(name: string, schema: Schema): Schema {
  return (schema.clone() as Schema).openapi(name);
}

const patterns = Object.entries(contract.PATTERNS);

let written: [name: string, schema: object][] | undefined;

/** The patterns' inputs and results, as components of the OpenAPI document. Zod writes them itself, as they may be recursive:
 *  once a process, it takes 0.1 s. */
export function patternSchemas(): [name: string, schema: object][] {
  written ??= patterns.flatMap(([pattern, { input, result }]): [string, object][] => [
    jsonSchema(`${capital(pattern)}Input`, input, 'input'),
    jsonSchema(`${capital(pattern)}Result`, result, 'output'),
  ]);
  return written;
}

function jsonSchema(name: string, schema: z.ZodType, io: 'input' | 'output'): [string, object] {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  const { $ref: home } = component(name);
  // A schema points into itself from its own root, which now lies deeper.
  const text = JSON.stringify(json)
    .replaceAll('"$ref":"#/', `"$ref":"${home}/`)
    .replaceAll('"$ref":"#"', `"$ref":"${home}"`);
  return [name, JSON.parse(text) as object];
}

// Whose key it is says the key that came with the request, and nobody else.
export const StartRun = contract.StartRun.omit({ key: true })
  .extend({
    pattern: contract.StartRun.shape.pattern.clone().openapi({ example: 'ask', description: patternList() }),
    input: z.unknown().openapi({ anyOf: patterns.map(([name]) => component(`${capital(name)}Input`)) }),
  })
  .openapi('StartRun', {
    example: { pattern: 'ask', input: { prompt: 'Why do rivers bend?', policy: { candidates: ['sandbox/gpt'] } } },
  });

export const StartHeaders = z.object({
  'idempotency-key': z.string().optional().openapi({ description: 'Makes a repeated request harmless' }),
});

export const Links = z.record(z.string(), z.string()).openapi('Links');
export const RunInfo = named('RunInfo', contract.RunInfo);
export const RunPage = z.object({ runs: z.array(RunInfo), nextCursor: z.string().optional() }).openapi('RunPage');
export const RunInput = named('RunInput', contract.RunInput);
export const Bill = named('Bill', contract.Bill);
export const Spend = named('Spend', contract.Spend);
export const Budget = named('Budget', contract.Budget);
export const SetBudget = named('SetBudget', contract.SetBudget);
export const AuditPage = named('AuditPage', contract.AuditPage);
export const WirePayloads = named('Payloads', contract.WirePayloads);
export const ForkRun = contract.ForkRun.omit({ key: true }).openapi('ForkRun');
export const ForkEstimate = named('ForkEstimate', contract.ForkEstimate);
export const ApiKey = named('ApiKey', contract.ApiKey);
export const NewApiKey = named('NewApiKey', contract.NewApiKey);
export const CreateKey = contract.CreateKey.clone().openapi('CreateKey', {
  example: { name: 'ci', tenant: 'acme', role: 'caller', models: ['openai/*'], budgetUsd: 20 },
});
export const RotateKey = named('RotateKey', contract.RotateKey);
export const Timeline = named('Timeline', contract.Timeline);
export const DataSet = named('DataSet', contract.DataSet);
export const MapItem = named('MapItem', contract.MapItem);
export const ItemPage = z
  .object({ items: z.array(MapItem), nextAfter: z.number().int().optional() })
  .openapi('ItemPage');
export const RunEvent = named('RunEvent', contract.RunEvent);
export const Answer = named('Answer', contract.Answer);
export const CastVote = named('CastVote', contract.CastVote);
export const Votes = named('Votes', contract.Votes);

export const ApprovalDecision = named('ApprovalDecision', contract.ApprovalDecision);
export const ApprovalReceipt = named('ApprovalReceipt', contract.ApprovalReceipt);
export const PendingApproval = named('PendingApproval', contract.PendingApproval);
export const TakenByRun = named('TakenByRun', contract.TakenByRun);
export const ToolResultInput = contract.ToolResultInput.clone().openapi('ToolResultInput', {
  example: { result: { temperature: 21 } },
});
export const CreateSchedule = named('CreateSchedule', contract.CreateSchedule);
export const ScheduleInfo = named('ScheduleInfo', contract.ScheduleInfo);

export const StartedRun = z
  .object({
    id: z.string(),
    pattern: z.string(),
    status: contract.RunStatus,
    isNew: z.boolean().optional().openapi({ description: 'Of a start: false where the run was there before' }),
    links: Links,
  })
  .openapi('StartedRun');

export const Result = z.unknown().openapi('Result', {
  anyOf: patterns.map(([name]) => component(`${capital(name)}Result`)),
});

export const RunParams = z.object({
  id: contract.RunId.clone().openapi({ param: { name: 'id', in: 'path' }, description: 'Run id, URL-encoded' }),
});

function component(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}

function patternList(): string {
  return patterns.map(([name, { summary }]) => `\`${name}\`: ${summary}`).join('. ');
}

/** `best-of` is `BestOf`. */
function capital(name: string): string {
  return name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
