import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { context, propagation, trace } from '@opentelemetry/api';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { freePort } from '../../src/local/ports.ts';
import { LABEL, openMetrics, type StopTracing, startTracing } from '../../src/telemetry/index.ts';
import { crashBed } from '../crash/crash-bed.ts';
import { failWith, type MockProvider, mockProvider, promptOf, TEST_KEYS } from '../setup/mock-provider.ts';
import { ancestry, type CollectedSpan, type OtlpCollector, otlpCollector } from '../setup/otlp-collector.ts';
import { parsePrometheusText, samplesIn } from '../setup/scraped.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { untilEvent } from '../setup/until.ts';

const MODEL = 'openai/gpt-6-sol';
const OTHER = 'anthropic/claude-sonnet-5-5';

let collector: OtlpCollector;
let stopTracing: StopTracing;
let provider: MockProvider;
let bed: TestBed;
let served: ServedGateway;

beforeAll(async () => {
  collector = await otlpCollector();
  const exported = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20cGs6c2s',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  Object.assign(process.env, exported);
  stopTracing = await startTracing();
  provider = await mockProvider();
  bed = await testBed({ provider });
  const { client, metrics } = bed;
  const options = { client, metrics, links: { namespace: 'default' }, apiKeys: [], version: '0', log: silent };
  served = await serveGateway({ app: createGateway(options), port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await served.close();
  await bed.close();
  await stopTracing();
  await collector.close();
  for (const name of ['ENDPOINT', 'HEADERS']) delete process.env[`OTEL_EXPORTER_OTLP_${name}`];
});

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Starts a run over HTTP, as a service that is traced itself would. @returns its trace, once the run's span is there */
async function traced(
  pattern: string,
  input: object,
  lane?: 'direct',
): Promise<{ id: string; spans: CollectedSpan[] }> {
  const caller = trace.getTracer('a shop').startSpan('checkout');
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  propagation.inject(trace.setSpan(context.active(), caller), headers);
  const body = JSON.stringify({ pattern, input, lane });
  const started = await fetch(`${served.url}/v1/runs`, { method: 'POST', headers, body });
  const { id } = (await started.json()) as { id: string };
  await bed.client.result(id).catch(() => {});
  caller.end();
  const { traceId } = caller.spanContext();
  await collector.seen((span) => span.traceId === traceId && span.name.startsWith('invoke_workflow'));
  await collector.seen((span) => span.traceId === traceId && span.name === 'checkout');
  return { id, spans: collector.spans.filter((span) => span.traceId === traceId) };
}

test.each([
  ['standard', { lane: 'standard' }],
  ['fast', { lane: 'fast' }],
  ['direct', { lane: 'direct' }],
])(
  'one trace from the caller over the gateway, the run, its step, its activity and the model call to the request: %s lane',
  async (lane, policy) => {
    const input = { prompt: `Traced in the ${lane} lane?`, policy: { candidates: [MODEL], cache: false, ...policy } };
    const { id, spans } = await traced('ask', input);
    const request = spans.find(({ attributes }) => attributes['url.full'])!;
    expect(ancestry(spans, request)).toEqual([
      ...['POST', 'chat gpt-6-sol', 'callModel', 'step ask', 'invoke_workflow ask'],
      ...['start ask', 'POST /v1/runs', 'checkout'],
    ]);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    const named = (name: string) => spans.find((span) => span.name === name)!;
    expect(named('chat gpt-6-sol')).toMatchObject({
      kind: 3,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-6-sol',
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': 20,
        'gen_ai.usage.output_tokens': 10,
        'cadenza.run.id': id,
      },
    });
    expect(named('callModel').attributes['cadenza.lane']).toBe(lane);
    expect(named('POST /v1/runs')).toMatchObject({ kind: 2, attributes: { 'http.response.status_code': 202 } });
    expect(request).toMatchObject({ kind: 3, attributes: { 'http.response.status_code': 200 } });
    // What is inside lies within, in time too: by the clock of the database, to a few ms.
    const [run, step] = [named('invoke_workflow ask'), named('step ask')];
    expect(step.end - step.start).toBeLessThanOrEqual(run.end - run.start + 5_000_000n);
  },
);

test('a fallback is seen as a model call that failed, and one of another model below the same step', async () => {
  provider.first(
    (request) => promptOf(request).includes('fall back'),
    failWith(404, 'The model `gpt-6-sol` does not exist'),
  );
  provider.first(
    (request) => promptOf(request).includes('fall back') && request.model === 'claude-sonnet-5-5',
    () => ({ content: 'here' }),
  );
  const { spans } = await traced('ask', { prompt: 'fall back', policy: { candidates: [MODEL, OTHER], cache: false } });
  const failed = spans.find(({ name }) => name === 'chat gpt-6-sol')!;
  expect(failed).toMatchObject({
    status: 2,
    statusMessage: 'ModelNotFound (404)',
    attributes: { 'error.type': 'ModelNotFound' },
  });
  const answered = spans.find(({ name }) => name === 'chat claude-sonnet-5-5')!;
  expect(answered).toMatchObject({ status: 0, attributes: { 'gen_ai.provider.name': 'anthropic' } });
  for (const span of [failed, answered]) expect(ancestry(spans, span)[2]).toBe('step ask');
  // The SDK's own spans of the same request are off.
  expect(spans.filter(({ name }) => /messages/i.test(name))).toEqual([]);
});

test('a run that fails ends its step and itself with the type of the error', async () => {
  provider.first((request) => promptOf(request) === 'nobody', failWith(401, 'no'));
  const { spans } = await traced('ask', { prompt: 'nobody', policy: { candidates: [MODEL], cache: false } });
  for (const name of ['invoke_workflow ask', 'step ask', 'chat gpt-6-sol']) {
    expect(spans.find((span) => span.name === name)).toMatchObject({
      status: 2,
      attributes: { 'error.type': 'AuthenticationFailed' },
    });
  }
});

test('sub-runs and tools are parts of the same trace', async () => {
  provider.first(
    (request) => promptOf(request) === 'six times seven' && !request.messages.some(({ role }) => role === 'tool'),
    () => ({ toolCalls: [{ name: 'calculator', arguments: '{"expression":"6*7"}' }] }),
  );
  const policy = { candidates: [MODEL], cache: false };
  const agent = { pattern: 'agent', input: { task: 'six times seven', tools: ['calculator'], policy } };
  const { spans } = await traced('chain', { steps: [{ id: 'count', ...agent }], output: '{{steps.count.text}}' });
  const tool = spans.find(({ name }) => name === 'execute_tool calculator')!;
  expect(tool.attributes).toMatchObject({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'calculator' });
  expect(ancestry(spans, tool)).toEqual([
    ...['execute_tool calculator', 'callTool', 'invoke_workflow agent', 'invoke_workflow chain'],
    ...['start chain', 'POST /v1/runs', 'checkout'],
  ]);
  expect(spans.flatMap((span) => ancestry(spans, span)).filter((name) => name === '?')).toEqual([]);
});

test('texts stand in spans only where that is asked for, and secrets nowhere', async () => {
  const policy = { candidates: [MODEL], cache: false };
  const prompt = `the marker of a prompt ${TEST_KEYS.OPENAI_API_KEY}`;
  const { spans } = await traced('ask', { prompt, system: 'the marker of a system', policy });
  expect(JSON.stringify(spans, (_, value) => String(typeof value === 'bigint' ? value : '') && value)).not.toContain(
    'the marker',
  );
  bed.env.CADENZA_TRACE_CONTENT = 'true';
  const { spans: told } = await traced('ask', { prompt, policy });
  delete bed.env.CADENZA_TRACE_CONTENT;
  const { attributes } = told.find(({ name }) => name === 'chat gpt-6-sol')!;
  expect(JSON.parse(attributes['gen_ai.input.messages'] as string)).toEqual([
    { role: 'user', parts: [{ type: 'text', content: 'the marker of a prompt [redacted]' }] },
  ]);
  expect(attributes['gen_ai.output.messages']).toContain('answer to: the marker of a prompt [redacted]');
});

test('a run that nobody traced has a trace of its own, and what is exported carries the headers it was told to', async () => {
  const run = await bed.client.start('ask', { prompt: 'alone', policy: { candidates: [MODEL], cache: false } });
  await run.result();
  const span = await collector.seen(
    ({ name, attributes }) => name === 'invoke_workflow ask' && attributes['cadenza.run.id'] === run.id,
  );
  const spans = collector.spans.filter(({ traceId }) => traceId === span.traceId);
  expect(ancestry(spans, span).at(-1)).toBe('start ask');
  // By a client of Temporal's that knows nothing of traces.
  const id = `plain-${run.id}`;
  const args = [{ prompt: 'plain', policy: { candidates: [MODEL], cache: false } }];
  await bed.temporal.workflow.execute('ask', { workflowId: id, taskQueue: bed.taskQueue, args });
  const root = await collector.seen(
    ({ name, attributes }) => name === 'invoke_workflow ask' && attributes['cadenza.run.id'] === id,
  );
  expect(root.parentId).toBe('');
  const call = collector.spans.find(({ name, traceId }) => name === 'chat gpt-6-sol' && traceId === root.traceId)!;
  expect(ancestry(collector.spans, call)).toEqual(['chat gpt-6-sol', 'callModel', 'step ask', 'invoke_workflow ask']);
  expect(collector.headers.at(-1)).toMatchObject({ authorization: 'Basic cGs6c2s', path: '/v1/traces' });
});

test('the metrics are what was done: calls, tokens, money, fallbacks, cache hits, tools, runs and requests', async () => {
  const scrape = async () => samplesIn(await (await fetch(`${served.url}/metrics`)).text());
  const prompt = 'counted: fall back';
  provider.first((request) => promptOf(request) === prompt, failWith(404, 'The model does not exist'));
  provider.first(
    (request) => promptOf(request) === prompt && request.model === 'claude-sonnet-5-5',
    () => ({ content: 'here', usage: { input_tokens: 20, output_tokens: 10 } }),
  );
  const before = await scrape();
  const policy = { candidates: [MODEL, OTHER] };
  const first = await bed.client.start('ask', { prompt, policy });
  await first.result();
  await (await bed.client.start('ask', { prompt, policy })).result();
  const tool = 'calculator';
  const task = { task: 'six times seven', tools: [tool], policy: { candidates: [MODEL], cache: false as const } };
  await (await bed.client.start('agent', task)).result();
  const after = await scrape();
  const more = (name: string, labels?: Record<string, string>) => after(name, labels) - before(name, labels);

  const gpt = { provider: 'openai', model: 'gpt-6-sol' };
  const claude = { provider: 'anthropic', model: 'claude-sonnet-5-5' };
  expect(more('cadenza_calls_total', { ...gpt, outcome: 'ModelNotFound' })).toBe(1);
  expect(more('cadenza_calls_total', { ...gpt, outcome: 'completed' })).toBe(2);
  expect(more('cadenza_calls_total', { ...claude, outcome: 'completed' })).toBe(1);
  expect(more('cadenza_fallbacks_total', { ...claude, error_type: 'ModelNotFound' })).toBe(1);
  expect(more('cadenza_cache_hits_total', claude)).toBe(1);
  const conventional = { gen_ai_provider_name: 'anthropic', gen_ai_request_model: 'claude-sonnet-5-5' };
  expect(more('gen_ai_client_inference_usage_input_tokens_total', conventional)).toBe(20);
  expect(more('gen_ai_client_inference_usage_output_tokens_total', conventional)).toBe(10);
  expect(more('gen_ai_client_inference_duration_seconds_count', conventional)).toBe(1);
  expect(more('gen_ai_client_inference_time_to_first_chunk_seconds_count', conventional)).toBe(1);
  const { totalUsd } = await bed.client.bill(first.id);
  expect(totalUsd).toBeGreaterThan(0);
  expect(more('cadenza_cost_usd_total', claude)).toBeCloseTo(totalUsd!, 9);
  expect(more('cadenza_saved_usd_total', claude)).toBeCloseTo(totalUsd!, 9);
  expect(more('cadenza_tool_calls_total', { tool, outcome: 'completed' })).toBe(1);
  expect(more('cadenza_runs_ended_total', { pattern: 'ask', status: 'completed' })).toBe(2);
  expect(more('cadenza_queue_seconds_count', { activity: 'callModel' })).toBeGreaterThanOrEqual(4);
  expect(more('http_server_request_duration_seconds_count', { http_route: '/metrics' })).toBe(1);
  expect(after('cadenza_slots', { lane: 'standard' })).toBeGreaterThan(0);
});

test('what is open is told of the whole installation, and asked of the store once for many scrapes', async () => {
  const text = 'shown to somebody first';
  const { client, provider: asked } = bed;
  asked.first(
    (request) => promptOf(request) === text && !request.messages.some(({ role }) => role === 'tool'),
    () => ({ toolCalls: [{ name: 'calculator', arguments: '{"expression":"1+1"}' }] }),
  );
  const tools = [{ name: 'calculator', approval: 'always' as const }];
  const run = await client.start('agent', { task: text, tools, policy: { candidates: [MODEL], cache: false } });
  const { approval } = await untilEvent(client, run.id, 'approval.requested');
  let looks = 0;
  const metrics = openMetrics();
  metrics.showOpenWork(() => {
    looks += 1;
    return client.openWork();
  });
  for (let scrape = 0; scrape < 3; scrape += 1) {
    const now = samplesIn(await metrics.text());
    expect(now('cadenza_open_runs', { pattern: 'agent' })).toBe(1);
    expect(now('cadenza_waiting_approvals')).toBe(1);
  }
  expect(looks).toBe(1);
  await client.approve(run.id, approval, { approved: true });
  await run.result();
  expect(await client.openWork()).toMatchObject({ runs: {}, approvals: 0 });
});

test('dashboard and alerts ask for nothing that is not exported', async () => {
  const exported = new Set(parsePrometheusText(await bed.metrics.text()).map(({ name }) => name));
  const folder = path.resolve(import.meta.dirname, '../../deploy/observability');
  const files = ['dashboard.json', 'alerts.yml'].map((file) => readFileSync(path.join(folder, file), 'utf8'));
  const named = files.flatMap((text) => [
    ...text.matchAll(/\b(?:cadenza|gen_ai|http_server|nodejs|process)_[a-z0-9_]+/g),
  ]);
  const metrics = new Set(named.map(([name]) => name.replace(/_(bucket|sum|count)$/, '')));
  const labels = new Set(Object.values(LABEL) as string[]);
  expect([...metrics].filter((name) => !exported.has(name) && !labels.has(name))).toEqual([]);
  expect(metrics.size).toBeGreaterThan(15);
});

test('a run whose worker is killed between steps is one trace, in which no span is twice and none is missing', async () => {
  const paced = await mockProvider(undefined, { streamingProfile: { ttft: 300, tps: 40 } });
  const port = await freePort(0);
  const crash = await crashBed({ provider: paced, env: { CADENZA_METRICS_PORT: String(port) } });
  try {
    await crash.start();
    const policy = { candidates: [MODEL], cache: false as const };
    const steps = ['one', 'two', 'three'].map((id) => ({ id, prompt: `${id} of the killed`, policy }));
    const run = await crash.cadenza.start('chain', { steps });
    await untilEvent(crash.cadenza, run.id, 'step.completed', ({ step }) => step === 'one');
    await untilEvent(crash.cadenza, run.id, 'call.started', ({ step }) => step === 'two');
    await collector.seen(({ name, attributes }) => name === 'step one' && attributes['cadenza.run.id'] === run.id);
    await crash.kill();
    await crash.start();
    await run.result();
    const { traceId } = await collector.seen(
      ({ name, attributes }) => name === 'invoke_workflow chain' && attributes['cadenza.run.id'] === run.id,
    );
    const spans = collector.spans.filter((span) => span.traceId === traceId);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    const names = spans.map(({ name }) => name).filter((name) => /^(step|invoke|start)/.test(name));
    expect(names.sort()).toEqual(['invoke_workflow chain', 'start chain', 'step one', 'step three', 'step two']);
    // The call that was lost with its worker did not get to tell; the one that took its place says so.
    const calls = spans
      .filter(({ name }) => name.startsWith('chat'))
      .map(({ attributes: { ...told } }) => `${told['cadenza.step']} ${told['cadenza.attempt']}`);
    expect(calls.sort()).toEqual(['one 1', 'three 1', 'two 2']);
    expect(spans.flatMap((span) => ancestry(spans, span)).filter((name) => name === '?')).toEqual([]);
    // A worker alone tells how it is, and what it does, on a port of its own.
    const told = async (what: string) => fetch(`http://127.0.0.1:${port}/${what}`);
    expect((await told('health/live')).status).toBe(200);
    expect((await told('health/ready')).status).toBe(200);
    const counted = samplesIn(await (await told('metrics')).text());
    expect(counted('cadenza_calls_total', { outcome: 'completed' })).toBe(2);
    expect(counted('cadenza_lost_attempts_total')).toBeLessThanOrEqual(1);
    expect(counted('cadenza_retries_total')).toBe(1);
  } finally {
    await crash.close();
  }
});
