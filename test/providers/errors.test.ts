import { afterEach, describe, expect, test } from '@jest/globals';
import { CallError } from '../../src/contract/index.ts';
import { openAi } from '../../src/providers/openai.ts';
import { ProviderError } from '../../src/providers/wire.ts';
import { type Peer, scriptedPeer } from './peer.ts';
import { all, ask, failureOf, KEY, start, WIRES } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

/** The error of a call to an endpoint that answers so. */
async function errorFrom(name: string, status: number, body: unknown, headers: Record<string, string> = {}) {
  peer = await scriptedPeer((_incoming, response) => {
    const type = typeof body === 'string' ? 'text/html' : 'application/json';
    response.writeHead(status, { 'content-type': type, 'request-id': 'req_9', 'x-request-id': 'req_9', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  const { model, open } = WIRES.find((wire) => wire.name === name)!;
  const wire = open(peer.url);
  return CallError.parse(wire.asCallError(await failureOf(all(start(wire, model, ask('Hello?')))), model));
}

const openai = (code: string | null, message = 'It went wrong', type = 'invalid_request_error') => ({
  error: { message, type, code, param: null },
});
const claude = (type: string, message = 'It went wrong') => ({ type: 'error', error: { type, message } });
const google = (code: number, status: string, message = 'It went wrong', details: unknown[] = []) => ({
  error: { code, status, message, details },
});
const quota = (quotaId: string) => [
  { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId }] },
];
const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7.5s' };
const OVER_QUOTA = 'You exceeded your current quota, please check your plan and billing details.';

test.each([
  ['openai', 429, openai('rate_limit_exceeded', 'Slow down', 'requests'), 'RateLimited'],
  ['openai', 429, openai('insufficient_quota', OVER_QUOTA, 'insufficient_quota'), 'QuotaExhausted'],
  ['openai', 401, openai('invalid_api_key', 'Incorrect API key provided: sk-ab***yz.'), 'AuthenticationFailed'],
  ['openai', 403, openai(null, 'No access'), 'AuthenticationFailed'],
  ['openai', 404, openai('model_not_found', 'The model `gpt-7` does not exist'), 'ModelNotFound'],
  [
    'openai',
    400,
    openai('context_length_exceeded', 'Your input exceeds the context window of this model.'),
    'ContextTooLong',
  ],
  ['openai', 400, openai('content_filter', 'Filtered'), 'ContentFiltered'],
  ['openai', 400, openai('unsupported_value', 'temperature is not supported'), 'InvalidRequest'],
  ['openai', 500, openai(null, 'Oops', 'server_error'), 'Unavailable'],
  ['openai', 503, openai('slow_down', 'Overloaded'), 'Overloaded'],
  ['openai', 502, '<html>Bad gateway</html>', 'Unavailable'],
  ['openai-compatible', 402, openai(null, 'Insufficient credits'), 'QuotaExhausted'],
  ['openai-compatible', 400, openai(null, "This model's maximum context length is 8192 tokens."), 'ContextTooLong'],
  ['openai-compatible', 400, openai(null, 'foo/bar is not a valid model ID: invalid model'), 'ModelNotFound'],
  [
    'openai-compatible',
    403,
    { error: { code: 403, message: 'Flagged', metadata: { reasons: ['violence'], flagged_input: 'x' } } },
    'ContentFiltered',
  ],
  ['openai-compatible', 404, { error: 'model "llama9" not found, try pulling it first' }, 'ModelNotFound'],
  ['openai-compatible', 503, openai(null, 'Loading'), 'Unavailable'],
  ['anthropic', 429, claude('rate_limit_error'), 'RateLimited'],
  ['anthropic', 529, claude('overloaded_error', 'Overloaded'), 'Overloaded'],
  ['anthropic', 500, claude('api_error'), 'Unavailable'],
  ['anthropic', 401, claude('authentication_error', 'invalid x-api-key'), 'AuthenticationFailed'],
  ['anthropic', 403, claude('permission_error'), 'AuthenticationFailed'],
  ['anthropic', 404, claude('not_found_error', 'model: claude-9'), 'ModelNotFound'],
  ['anthropic', 413, claude('request_too_large'), 'ContextTooLong'],
  [
    'anthropic',
    400,
    claude('invalid_request_error', 'prompt is too long: 300000 tokens > 200000 maximum'),
    'ContextTooLong',
  ],
  [
    'anthropic',
    400,
    claude('invalid_request_error', 'Your credit balance is too low to access the API.'),
    'QuotaExhausted',
  ],
  ['anthropic', 402, claude('billing_error'), 'QuotaExhausted'],
  ['anthropic', 400, claude('invalid_request_error', 'messages: at least one message is required'), 'InvalidRequest'],
  [
    'gemini',
    429,
    google(429, 'RESOURCE_EXHAUSTED', OVER_QUOTA, [...quota('GenerateRequestsPerMinutePerProject'), retryInfo]),
    'RateLimited',
  ],
  [
    'gemini',
    429,
    google(429, 'RESOURCE_EXHAUSTED', OVER_QUOTA, quota('GenerateRequestsPerDayPerProject')),
    'QuotaExhausted',
  ],
  ['gemini', 503, google(503, 'UNAVAILABLE', 'The model is overloaded.'), 'Overloaded'],
  ['gemini', 500, google(500, 'INTERNAL'), 'Unavailable'],
  [
    'gemini',
    400,
    google(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [{ reason: 'API_KEY_INVALID' }]),
    'AuthenticationFailed',
  ],
  ['gemini', 403, google(403, 'PERMISSION_DENIED'), 'AuthenticationFailed'],
  ['gemini', 404, google(404, 'NOT_FOUND', 'models/gemini-9 is not found'), 'ModelNotFound'],
  [
    'gemini',
    400,
    google(
      400,
      'INVALID_ARGUMENT',
      'The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).',
    ),
    'ContextTooLong',
  ],
  ['gemini', 400, google(400, 'INVALID_ARGUMENT', 'Bad schema'), 'InvalidRequest'],
] as const)('%s answers %i %j: %s', async (name, status, body, type) => {
  const error = await errorFrom(name, status, body);
  expect(error).toMatchObject({
    type,
    status,
    requestId: 'req_9',
    provider: expect.any(String),
    model: expect.any(String),
  });
  expect(error.midStream).toBeUndefined();
  expect(error.message.length).toBeLessThan(450);
});

describe('Retry-After', () => {
  test.each(WIRES.map(({ name }) => name))('%s: in seconds, as a date, in milliseconds', async (name) => {
    const body = openai('rate_limit_exceeded');
    expect((await errorFrom(name, 429, body, { 'retry-after': '12' })).retryAfterMs).toBe(12_000);
    await peer?.stop();
    const date = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterMs } = await errorFrom(name, 429, body, { 'retry-after': date });
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    await peer?.stop();
    const both = { 'retry-after-ms': '1500', 'retry-after': '2' };
    expect((await errorFrom(name, 429, body, both)).retryAfterMs).toBe(1_500);
  });

  test('Gemini says it in the body', async () => {
    const body = google(429, 'RESOURCE_EXHAUSTED', OVER_QUOTA, [retryInfo]);
    expect((await errorFrom('gemini', 429, body)).retryAfterMs).toBe(7_500);
  });
});

test.each(WIRES)('$name: an endpoint nobody listens at is ConnectionLost, with a hint', async ({ open, model }) => {
  const gone = await scriptedPeer(() => {});
  await gone.stop();
  const wire = open(gone.url);
  const error = wire.asCallError(await failureOf(all(start(wire, model, ask('Hello?')))), model);
  expect(error).toMatchObject({ type: 'ConnectionLost', hint: expect.stringContaining(gone.url) });
  expect(error.message).toContain('ECONNREFUSED');
  expect(error.midStream).toBeUndefined();
});

test.each(WIRES)('$name: no secret is in an error, and a long message is cut', async ({ name }) => {
  const leaky = `Incorrect API key provided: ${KEY}. Authorization: Bearer ${KEY}. ${'You sent: blah '.repeat(100)}`;
  const body =
    name === 'anthropic'
      ? claude('authentication_error', leaky)
      : name === 'gemini'
        ? google(401, 'UNAUTHENTICATED', leaky)
        : openai('invalid_api_key', leaky);
  const error = await errorFrom(name, 401, body);
  expect(JSON.stringify(error)).not.toContain('0123456789');
  expect(error.message).toContain('[redacted]');
  expect(error.message.length).toBeLessThan(450);
});

test('a refused key tells which variable to set', async () => {
  expect((await errorFrom('openai', 401, openai('invalid_api_key'))).hint).toContain('OPENAI_API_KEY');
  await peer?.stop();
  expect((await errorFrom('gemini', 403, google(403, 'PERMISSION_DENIED'))).hint).toContain('GEMINI_API_KEY');
});

test('signals, clocks and our own errors keep their meaning', () => {
  const { asCallError } = openAi({ name: 'openai', apiKey: KEY });
  expect(asCallError(new DOMException('Aborted', 'AbortError')).type).toBe('Cancelled');
  expect(asCallError(new DOMException('Too late', 'TimeoutError'))).toMatchObject({ type: 'Timeout', phase: 'total' });
  const slow = Object.assign(new Error('Connect Timeout Error'), { code: 'UND_ERR_CONNECT_TIMEOUT' });
  expect(asCallError(new TypeError('fetch failed', { cause: slow }))).toMatchObject({
    type: 'Timeout',
    phase: 'connect',
  });
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  expect(asCallError(new TypeError('fetch failed', { cause: reset })).type).toBe('ConnectionLost');
  expect(asCallError(new TypeError('terminated')).type).toBe('ConnectionLost');
  const own = new ProviderError({ type: 'InvalidOutput', message: 'Not JSON' });
  expect(asCallError(own, 'gpt-6-sol')).toMatchObject({
    type: 'InvalidOutput',
    provider: 'openai',
    model: 'gpt-6-sol',
  });
  expect(asCallError('what?').type).toBe('InvalidRequest');
  expect(asCallError(reset, 'openai/gpt-6-sol').message).toMatch(/^openai\/gpt-6-sol cannot/);
});
