import { createRequire } from 'node:module';
import { type CallError, type ModelRef, modelIdOf, providerOf } from '../contract/index.ts';
import type { AskedModel, ModelOutcome } from './model-spans.ts';
import { HTTP_SECONDS, INFERENCE_SECONDS, LABEL, METRIC, OPERATION, providerName, QUEUE_SECONDS } from './names.ts';
import { addOpenWork, type OpenWork } from './open-work.ts';

/** Calls under way, and how many there may be, by lane. */
type Slots = () => Record<string, { used: number; of: number }>;

/** What a process counts, and tells Prometheus. */
export interface Metrics {
  /** An attempt at a model call has ended, after so many seconds. */
  attemptEnded(asked: AskedModel, outcome: ModelOutcome, seconds: number): void;
  /** Attempts that went down with their workers were found. */
  attemptsLost(model: ModelRef, count: number): void;
  /** Asked because another model could not answer. */
  fellBack(model: ModelRef, error: CallError): void;
  /** An answer that was paid for before was given again. */
  cacheHit(model: ModelRef, savedUsd: number | null): void;
  toolEnded(tool: string, outcome: string, seconds: number): void;
  runEnded(pattern: string, status: string): void;
  /** Work has reached a worker, so many seconds after it was to be done. */
  begun(activity: string, waitedSeconds: number): void;
  answered(request: { method: string; route: string; status: number }, seconds: number): void;
  /** Also tells the slots of a worker. */
  showSlots(slots: Slots): void;
  /** Also tells what is open: asked at most every 10 s, however often somebody scrapes. */
  showOpenWork(look: () => Promise<OpenWork>): void;
  contentType: string;
  text(): Promise<string>;
}

/** Models, tools and routes a process tells apart, each: names of models are the callers' to choose, and every one is a series. */
const TOLD_APART = 300;
const OTHERS = '_OTHER';

/** Loaded by those who count, and by no others. */
const load = createRequire(import.meta.url);

export function openMetrics(): Metrics {
  const client = load('prom-client') as typeof import('prom-client');
  const { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } = client;
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, labelNames: Label[], buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });

  const inference = [LABEL.operation, LABEL.provider, LABEL.model];
  const ofTokens = [...inference, LABEL.modality];
  const ofModel = ['provider', 'model'];
  const duration = histogram(
    METRIC.duration,
    'How long model calls took, until they had ended',
    [...inference, LABEL.errorType],
    INFERENCE_SECONDS,
  );
  const firstToken = histogram(
    METRIC.firstToken,
    'How long models took to begin their answers',
    inference,
    INFERENCE_SECONDS,
  );
  const tokens = {
    inputTokens: counter(METRIC.inputTokens, 'Tokens that models were sent, cached ones among them', ofTokens),
    outputTokens: counter(METRIC.outputTokens, 'Tokens that models said or thought', ofTokens),
    cachedInputTokens: counter(METRIC.cacheReadTokens, 'Tokens sent that the provider had in its cache', ofTokens),
    cacheWriteTokens: counter(METRIC.cacheWriteTokens, 'Tokens sent that the provider put into its cache', ofTokens),
    reasoningTokens: counter(METRIC.reasoningTokens, 'Tokens that models thought', ofTokens),
  };
  const calls = counter(
    METRIC.calls,
    'Attempts at model calls, by how they ended: completed, or the type of their error',
    [...ofModel, 'outcome'],
  );
  const cost = counter(METRIC.cost, 'What model calls cost, as far as prices are known', ofModel);
  const saved = counter(METRIC.saved, 'What answers given again would have cost', ofModel);
  const hits = counter(
    METRIC.cacheHits,
    'Calls that were answered from the cache, the journal or an equal call in flight',
    ofModel,
  );
  const retries = counter(METRIC.retries, 'Attempts that were further ones of their calls', ofModel);
  const fallbacks = counter(METRIC.fallbacks, 'Calls of models that stood in for others, by what those failed of', [
    ...ofModel,
    'error_type',
  ]);
  const lost = counter(METRIC.lost, 'Attempts that were lost with their workers', ofModel);
  const toolCalls = counter(METRIC.toolCalls, 'Tool calls, by how they ended', ['tool', 'outcome']);
  const toolDuration = histogram(METRIC.toolDuration, 'How long tools took', [LABEL.toolName], INFERENCE_SECONDS);
  const runsEnded = counter(METRIC.runsEnded, 'Runs that ended here', ['pattern', 'status']);
  const queue = histogram(METRIC.queue, 'How long work waited until a worker had it', ['activity'], QUEUE_SECONDS);
  const http = histogram(
    METRIC.httpDuration,
    'How long answers took over HTTP, until they began',
    [LABEL.method, LABEL.route, LABEL.statusCode],
    HTTP_SECONDS,
  );

  const bounded = () => {
    const known = new Set<string>();
    return (name: string) => {
      if (known.size < TOLD_APART) known.add(name);
      return known.has(name) ? name : OTHERS;
    };
  };
  const model = bounded();
  const tool = bounded();
  const pattern = bounded();
  const labelsOf = (ref: ModelRef) => {
    const known = model(ref);
    return known === OTHERS
      ? { provider: OTHERS, model: OTHERS }
      : { provider: providerOf(ref), model: modelIdOf(ref) };
  };
  let hasDefaults = false;

  return {
    attemptEnded({ model: ref, operation, epoch }, { reply, error, usage, costUsd }, seconds) {
      const labels = labelsOf(ref);
      const conventional = {
        [LABEL.operation]: operation,
        [LABEL.provider]: providerName(labels.provider),
        [LABEL.model]: labels.model,
      };
      duration.observe({ ...conventional, ...(error && { [LABEL.errorType]: error.type }) }, seconds);
      if (reply?.firstTokenMs !== undefined && operation === OPERATION.chat) {
        firstToken.observe(conventional, reply.firstTokenMs / 1_000);
      }
      for (const [kind, count] of Object.entries(usage ?? {})) {
        // Images and files are counted among the others: providers' usage seldom says which is which.
        if (count) tokens[kind as keyof typeof tokens].inc({ ...conventional, [LABEL.modality]: 'unknown' }, count);
      }
      calls.inc({ ...labels, outcome: error?.type ?? 'completed' });
      if (costUsd) cost.inc(labels, costUsd);
      if (epoch > 1) retries.inc(labels);
    },
    attemptsLost: (ref, count) => lost.inc(labelsOf(ref), count),
    fellBack: (ref, { type }) => fallbacks.inc({ ...labelsOf(ref), error_type: type }),
    cacheHit(ref, savedUsd) {
      hits.inc(labelsOf(ref));
      if (savedUsd) saved.inc(labelsOf(ref), savedUsd);
    },
    toolEnded(name, outcome, seconds) {
      toolCalls.inc({ tool: tool(name), outcome });
      toolDuration.observe({ [LABEL.toolName]: tool(name) }, seconds);
    },
    runEnded: (name, status) => runsEnded.inc({ pattern: pattern(name), status }),
    begun: (activity, waitedSeconds) => queue.observe({ activity }, Math.max(0, waitedSeconds)),
    answered({ method, route, status }, seconds) {
      http.observe({ [LABEL.method]: method, [LABEL.route]: route, [LABEL.statusCode]: status }, seconds);
    },
    showSlots(slots) {
      const gauge = (name: string, help: string, field: 'used' | 'of') =>
        new Gauge({
          ...{ name, help, labelNames: ['lane'], registers },
          collect() {
            for (const [lane, taken] of Object.entries(slots())) this.set({ lane }, taken[field]);
          },
        });
      gauge(METRIC.slotsUsed, 'Calls that the worker makes now', 'used');
      gauge(METRIC.slots, 'Calls that the worker may make at once', 'of');
    },
    showOpenWork: (look) => addOpenWork(client, registry, look),
    contentType: registry.contentType,
    text() {
      if (!hasDefaults) collectDefaultMetrics({ register: registry });
      hasDefaults = true;
      return registry.metrics();
    },
  };
}
