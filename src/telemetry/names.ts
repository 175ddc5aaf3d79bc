/*
 * Every name that leaves this process in spans and metrics.
 *
 * GenAI names: github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md and gen-ai-token-metrics.md
 * as of 2026-11 (status: development; its metrics were renamed from gen_ai.client.operation.* and gen_ai.client.token.usage in
 * 2026-09 and -10). HTTP, server and error names: OpenTelemetry semantic conventions 1.44. In Prometheus a name is written as
 * the OpenTelemetry specification translates it: dots become underscores, the unit and `_total` come last.
 */

export const SCOPE = 'cadenza';

/** Attributes of spans. */
export const ATTRIBUTE = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  stream: 'gen_ai.request.stream',
  maxTokens: 'gen_ai.request.max_tokens',
  temperature: 'gen_ai.request.temperature',
  topP: 'gen_ai.request.top_p',
  seed: 'gen_ai.request.seed',
  stop: 'gen_ai.request.stop_sequences',
  effort: 'gen_ai.request.reasoning.level',
  outputType: 'gen_ai.output.type',
  responseModel: 'gen_ai.response.model',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_write.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  conversation: 'gen_ai.conversation.id',
  session: 'session.id',
  workflowName: 'gen_ai.workflow.name',
  agentName: 'gen_ai.agent.name',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  toolType: 'gen_ai.tool.type',
  // Texts: only with CADENZA_TRACE_CONTENT.
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  systemInstructions: 'gen_ai.system_instructions',
  toolArguments: 'gen_ai.tool.call.arguments',

  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  method: 'http.request.method',
  route: 'http.route',
  statusCode: 'http.response.status_code',
  urlFull: 'url.full',
  urlPath: 'url.path',
  urlScheme: 'url.scheme',

  run: 'cadenza.run.id',
  pattern: 'cadenza.pattern',
  step: 'cadenza.step',
  tenant: 'cadenza.tenant',
  epoch: 'cadenza.attempt',
  costUsd: 'cadenza.cost_usd',
  estimated: 'cadenza.usage.estimated',
  lane: 'cadenza.lane',
  activity: 'temporal.activity.type',
  activityAttempt: 'temporal.activity.attempt',
  workflowRun: 'temporal.workflow.run_id',
} as const;

/** What Cadenza does, as `gen_ai.operation.name` calls it. */
export const OPERATION = {
  chat: 'chat',
  /** asked in a batch of the provider: so its waits of hours stand apart from those of who is waited for */
  batch: 'chat_batch',
  embeddings: 'embeddings',
  tool: 'execute_tool',
  run: 'invoke_workflow',
} as const;

/** Providers that the conventions call otherwise than model refs do. */
const PROVIDERS: Record<string, string> = {
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
  xai: 'x_ai',
  moonshot: 'moonshot_ai',
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
};

/** @param provider of a model ref: what stands before its first slash */
export function providerName(provider: string): string {
  return PROVIDERS[provider] ?? provider;
}

/** The header of Temporal's in which trace context travels: the one of Temporal's own interceptors, in every language. */
export const TRACE_HEADER = '_tracer-data';
/** The header by which an activity knows its run, where its arguments do not say it. */
export const CHAIN_HEADER = 'cadenza-chain';

/** Seconds: the boundaries that the conventions give for durations of model calls. */
export const INFERENCE_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/** Seconds: those for `http.server.request.duration`. */
export const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Seconds that work waited for a worker: from a tick of Temporal's to an hour. */
export const QUEUE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600];

/** Metrics, as Prometheus reads them. */
export const METRIC = {
  duration: 'gen_ai_client_inference_duration_seconds',
  firstToken: 'gen_ai_client_inference_time_to_first_chunk_seconds',
  inputTokens: 'gen_ai_client_inference_usage_input_tokens_total',
  outputTokens: 'gen_ai_client_inference_usage_output_tokens_total',
  cacheReadTokens: 'gen_ai_client_inference_usage_cache_read_input_tokens_total',
  cacheWriteTokens: 'gen_ai_client_inference_usage_cache_write_input_tokens_total',
  reasoningTokens: 'gen_ai_client_inference_usage_reasoning_output_tokens_total',
  toolDuration: 'gen_ai_execute_tool_duration_seconds',
  httpDuration: 'http_server_request_duration_seconds',
  calls: 'cadenza_calls_total',
  cost: 'cadenza_cost_usd_total',
  saved: 'cadenza_saved_usd_total',
  cacheHits: 'cadenza_cache_hits_total',
  retries: 'cadenza_retries_total',
  fallbacks: 'cadenza_fallbacks_total',
  lost: 'cadenza_lost_attempts_total',
  toolCalls: 'cadenza_tool_calls_total',
  runsEnded: 'cadenza_runs_ended_total',
  queue: 'cadenza_queue_seconds',
  slots: 'cadenza_slots',
  slotsUsed: 'cadenza_slots_used',
  openRuns: 'cadenza_open_runs',
  approvals: 'cadenza_waiting_approvals',
  circuits: 'cadenza_circuits',
  waiting: 'cadenza_calls_waiting',
  waitingLongest: 'cadenza_calls_waiting_longest_seconds',
  limit: 'cadenza_limit',
  limitUsed: 'cadenza_limit_used',
} as const;

/** Labels of the GenAI metrics. */
export const LABEL = {
  operation: 'gen_ai_operation_name',
  provider: 'gen_ai_provider_name',
  model: 'gen_ai_request_model',
  modality: 'gen_ai_token_modality',
  errorType: 'error_type',
  toolName: 'gen_ai_tool_name',
  method: 'http_request_method',
  route: 'http_route',
  statusCode: 'http_response_status_code',
} as const;
