import { describe, expect, test } from '@jest/globals';
import { askingWires } from './case-bed.ts';

/** What a provider's refusal means, in further words, and how long it says to wait. */

const answered = askingWires();

async function refused(status: number, body: unknown, headers: Record<string, string> = {}) {
  const asked = await answered('openai-chat', {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return asked.error!;
}
const error = (message: string, more: object = {}) => ({ error: { message, ...more } });

describe('a wait', () => {
  test.each<[string, unknown, number]>([
    ['in 2 hours', error('Usage limit reached. Please try again in 2 hours.'), 7_200_000],
    ['1m30.5s', error('Please try again in 1m30.5s.'), 90_500],
    ['41.5 seconds', error('Please retry in 41.5 seconds.'), 41_500],
    ['a full stop after', error('Please retry in 41.583s. More at https://x.y/z'), 41_583],
    [
      '7m12s of Groq',
      error(
        'Rate limit reached for model `m` in organization `org_1` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Used 9000, Requested 4000. Please try again in 7m12s. Need more tokens? Upgrade at https://console.groq.com/settings/billing',
        { type: 'tokens', code: 'rate_limit_exceeded' },
      ),
      432_000,
    ],
    ['Retry-After: 20', error('Too many requests. Retry-After: 20'), 20_000],
    ['a parenthesis', error('Rate limited (retry after 5s)'), 5_000],
    ['resets in', error('Daily limit reached, resets in 3h 20m'), 12_000_000],
    ['after 1 minute', error('Please try again after 1 minute.'), 60_000],
    ['in one minute', error('Please try again in one minute.'), 60_000],
    ['in an hour', error('Try again in an hour'), 3_600_000],
    ['wait for 30 sec', error('Please wait for 30 sec and try again'), 30_000],
    ['30 more seconds', error('You must wait 30 more seconds'), 30_000],
    ['Chinese', error('请求过于频繁，请 30 秒后重试'), 30_000],
    ['resets_in_seconds', error('limit', { resets_in_seconds: 756 }), 756_000],
    ['retry_after beside the error', { ...error('limit'), retry_after: 12 }, 12_000],
    ['retry_after in a flat body', { message: 'limit', retry_after: 12 }, 12_000],
    ['retryAfter in details', error('limit', { details: { retry_after: 12 } }), 12_000],
    [
      'quotaResetDelay of Google',
      {
        error: {
          code: 429,
          message: 'x',
          status: 'RESOURCE_EXHAUSTED',
          details: [
            {
              '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
              reason: 'RATE_LIMIT_EXCEEDED',
              metadata: { quotaResetDelay: '1h2m3.5s' },
            },
          ],
        },
      },
      3_723_500,
    ],
    [
      'RetryInfo in seconds and nanos',
      error('x', { details: [{ retryDelay: { seconds: '3', nanos: 500_000_000 } }] }),
      3_500,
    ],
    ['OpenRouter’s metadata', error('x', { code: 429, metadata: { retry_after_seconds: 9 } }), 9_000],
  ])('%s', async (_what, body, ms) => {
    expect(await refused(429, body)).toMatchObject({ type: 'RateLimited', retryAfterMs: ms });
  });

  test.each<[string, Record<string, string>, number]>([
    ['a duration', { 'retry-after': '2s' }, 2_000],
    ['parts of a second', { 'retry-after': '0.5' }, 500],
    ['ratelimit-reset', { 'ratelimit-reset': '30' }, 30_000],
    ['the draft’s one header', { ratelimit: 'limit=100, remaining=0, reset=30' }, 30_000],
    ['the newer draft', { ratelimit: '"default";r=0;t=30' }, 30_000],
    ['Mistral', { 'ratelimitbysize-reset': '29', 'ratelimitbysize-remaining': '0' }, 29_000],
    ['reset-after', { 'x-ratelimit-reset-after': '4' }, 4_000],
    ['ms in a reset', { 'x-ratelimit-reset-requests': '1732.5ms', 'x-ratelimit-remaining-requests': '0' }, 1_733],
    ['x-retry-after', { 'x-retry-after': '5' }, 5_000],
    ['in Azure’s ms', { 'x-ms-retry-after-ms': '1200', 'retry-after': '2' }, 1_200],
  ])('in a header: %s', async (_what, headers, ms) => {
    expect(await refused(429, error('slow'), headers)).toMatchObject({ type: 'RateLimited', retryAfterMs: ms });
  });

  test.each<[string, object, number]>([
    ['resets_at in epoch seconds', { resets_at: Math.floor(Date.now() / 1000) + 60 }, 60_000],
    ['reset_at as a date', { reset_at: new Date(Date.now() + 60_000).toISOString() }, 60_000],
  ])('%s', async (_what, more, ms) => {
    const { retryAfterMs } = await refused(429, error('limit', more));
    expect(retryAfterMs).toBeGreaterThan(ms - 20_000);
    expect(retryAfterMs).toBeLessThanOrEqual(ms);
  });

  test('of GLM, as a date in the sentence', async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString().replace('T', ' ').slice(0, 19);
    const { retryAfterMs } = await refused(
      429,
      error(`Usage limit reached for 5 hour. Your limit will reset at ${at}`, { code: '1308' }),
    );
    expect(retryAfterMs).toBeGreaterThan(3_500_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  test('of a model that is being loaded', async () => {
    expect(await refused(503, { error: 'Model m is currently loading', estimated_time: 20.5 })).toMatchObject({
      type: 'Unavailable',
      retryAfterMs: 20_500,
    });
  });

  test.each([
    'Rate limit exceeded: 20 requests per 1 minute.',
    'You are limited to 5 requests per 60 seconds',
    'Please try again later.',
    'Please try again tomorrow',
    'Your request was held for 30 seconds and dropped',
    'See https://x.y/retry/30s',
  ])('but none in %j', async (message) => {
    expect((await refused(429, error(message))).retryAfterMs).toBeUndefined();
  });
});

describe('too long', () => {
  test.each<[string, number, unknown]>([
    ['Poolside', 400, error('Input length 131393 exceeds the maximum allowed input length of 131040 tokens.')],
    [
      'Moonshot',
      400,
      error('Invalid request: Your request exceeded model token limit: 262144 (requested: 566084)', {
        type: 'invalid_request_error',
      }),
    ],
    [
      'DashScope',
      400,
      error('<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]', {
        code: 'invalid_parameter_error',
      }),
    ],
    [
      'xAI',
      400,
      {
        code: 'Client specified an invalid argument',
        error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
      },
    ],
    ['MiniMax', 400, error('invalid params, context window exceeds limit (2013)')],
    [
      'Copilot',
      400,
      error('prompt token count of 130000 exceeds the limit of 128000', { code: 'model_max_prompt_tokens_exceeded' }),
    ],
    [
      'OpenRouter',
      400,
      error(
        'This endpoint\'s maximum context length is 32768 tokens. However, you requested about 40000 tokens (39000 of text input, 1000 in the output). Please reduce the length of either one, or use the "middle-out" transform',
        { code: 400 },
      ),
    ],
    ['Bedrock', 400, { message: 'The model returned the following errors: Input is too long for requested model.' }],
    [
      'Bedrock, new',
      400,
      {
        message:
          'The model returned the following errors: input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease input length or `max_tokens` and try again',
      },
    ],
    ['Cohere', 400, { message: "total tokens exceeds the model's max of 4096" }],
    ['Bedrock, tokens', 400, { message: 'Input exceeds the max input token limit' }],
    [
      'llama.cpp',
      400,
      error('the request exceeds the available context size, try increasing it', {
        code: 400,
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9000,
        n_ctx: 4096,
      }),
    ],
    [
      'llama.cpp, old',
      500,
      error('the request exceeds the available context size. try increasing the context size or enable context shift', {
        code: 500,
        type: 'server_error',
      }),
    ],
    ['Ollama', 400, { error: 'prompt too long; exceeded max context length by 120 tokens' }],
    [
      'vLLM',
      400,
      {
        object: 'error',
        message:
          "You passed 40000 input tokens and requested 100 output tokens. However, the model's context length is only 32768 tokens",
        type: 'BadRequestError',
        code: 400,
      },
    ],
    [
      'vLLM, chat',
      400,
      error(
        "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 32768 tokens and your request has 30000 input tokens (8192 > 32768 - 30000).",
      ),
    ],
    [
      'TGI',
      422,
      {
        error: 'Input validation error: `inputs` must have less than 4096 tokens. Given: 5000',
        error_type: 'validation',
      },
    ],
    [
      'Cerebras',
      400,
      {
        message: 'Please reduce the length of the messages or completion. Current length is 70000 while limit is 65536',
        type: 'invalid_request_error',
        code: 'context_length_exceeded',
      },
    ],
    ['Zhipu', 400, error('tokens in prompt exceed the maximum length', { code: '1261' })],
    ['Zhipu, Chinese', 400, error('Prompt 超长', { code: '1261' })],
    [
      'Volcengine',
      400,
      error('Total tokens of image and text exceed max message tokens', { code: 'InvalidParameter' }),
    ],
    ['Perplexity', 400, error('Prompt length 140000 exceeds 127072 tokens')],
    [
      'LM Studio',
      400,
      { error: 'The number of tokens to keep from the initial prompt is greater than the context length' },
    ],
    [
      'GitHub Models',
      413,
      error('Request body too large for gpt-4o model. Max size: 8000 tokens.', { code: 'tokens_limit_reached' }),
    ],
    [
      'Mistral',
      400,
      {
        object: 'error',
        message:
          'Prompt contains 40003 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
        type: 'invalid_request_prompt',
      },
    ],
    [
      'Vertex',
      400,
      {
        error: {
          code: 400,
          message: 'The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
    [
      'Databricks',
      400,
      { error_code: 'BAD_REQUEST', message: 'Input tokens exceed the configured limit of 272000 tokens.' },
    ],
    ['AI21', 422, { detail: 'Prompt is too long. Prompt has 300000 tokens, max is 256000' }],
    ['a proxy’s page', 413, '<html><head><title>413 Request Entity Too Large</title></head></html>'],
  ])('%s', async (_vendor, status, body) => {
    expect((await refused(status, body)).type).toBe('ContextTooLong');
  });

  test.each<[string, number, unknown, string]>([
    ['max_tokens', 400, error('max_tokens must be less than or equal to 8192'), 'InvalidRequest'],
    [
      'max_tokens of DeepSeek',
      400,
      error('Invalid max_tokens value, the valid range of max_tokens is [1, 8192]'),
      'InvalidRequest',
    ],
    [
      'max_tokens of Gemini',
      400,
      error(
        'Unable to submit request because it has a maxOutputTokens value of 70000 but the supported range is from 1 (inclusive) to 65537 (exclusive).',
      ),
      'InvalidRequest',
    ],
    [
      'max_tokens of xAI',
      400,
      error('max_tokens is too large for this model: 999999 > 131072 maximum'),
      'InvalidRequest',
    ],
    [
      'max_tokens of Bedrock',
      400,
      {
        message:
          'The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.',
      },
      'InvalidRequest',
    ],
    ['thinking budget', 400, error('`max_tokens` must be greater than `thinking.budget_tokens`.'), 'InvalidRequest'],
    [
      'the size of an image',
      400,
      error('messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes'),
      'InvalidRequest',
    ],
    ['image too large', 400, error('Image is too large: maximum 20MB'), 'InvalidRequest'],
    ['many images', 400, error('Too many images: 120 images, maximum is 100'), 'InvalidRequest'],
    ['pages of a PDF', 400, error('A maximum of 100 PDF pages may be provided.'), 'InvalidRequest'],
    [
      'many tools',
      400,
      error(
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 200 instead.",
        { code: 'array_above_max_length', param: 'tools' },
      ),
      'InvalidRequest',
    ],
    [
      'many stops',
      400,
      error("Invalid 'stop': array too long. Expected an array with maximum length 4"),
      'InvalidRequest',
    ],
    [
      'a name',
      400,
      error("Invalid 'messages[1].name': string too long. Expected a string with maximum length 64", {
        code: 'string_above_max_length',
        param: 'messages[1].name',
      }),
      'InvalidRequest',
    ],
    [
      'Bedrock’s throttling',
      429,
      { message: 'Too many tokens, please wait before trying again.', __type: 'ThrottlingException' },
      'RateLimited',
    ],
    [
      'Bedrock’s throttling as 400',
      400,
      { message: 'Too many tokens, please wait before trying again.', __type: 'ThrottlingException' },
      'RateLimited',
    ],
    [
      'Anthropic’s minute',
      429,
      error(
        'This request would exceed your organization’s rate limit of 50,000 input tokens per minute. Please reduce the prompt length or the maximum tokens requested, or try again later.',
        { type: 'rate_limit_error' },
      ),
      'RateLimited',
    ],
    [
      'OpenAI’s minute',
      429,
      error(
        'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 25000, Requested 8000. Please try again in 6s.',
        { code: 'rate_limit_exceeded' },
      ),
      'RateLimited',
    ],
    [
      'Azure’s minute',
      429,
      error(
        'Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your current pricing tier. Please retry after 3 seconds.',
      ),
      'RateLimited',
    ],
    ['many requests', 429, error('Too many requests in queue, request limit exceeded'), 'RateLimited'],
    ['embedding dimension', 400, error('dimensions must be less than the maximum of 3072'), 'InvalidRequest'],
    ['temperature', 400, error('temperature exceeds the maximum of 2'), 'InvalidRequest'],
    [
      'down',
      503,
      error('The service is temporarily unable to process your request due to large prompt queue'),
      'Unavailable',
    ],
  ])('but not %s', async (_what, status, body, type) => {
    expect((await refused(status, body)).type).toBe(type);
  });

  test.each<[string, number, unknown]>([
    [
      'Groq',
      413,
      error(
        'Request too large for model `llama` in organization `o` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9187, please reduce your message size and try again. Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing',
        { type: 'tokens', code: 'rate_limit_exceeded' },
      ),
    ],
    ['GitHub Models', 429, error('Rate limit of 8000 tokens per minute exceeded: Limit: 8000, Requested: 12000')],
    [
      'Cerebras',
      429,
      error('Tokens per minute limit exceeded - request too large: requested 70000, limit 60000', {
        code: 'token_quota_exceeded',
      }),
    ],
    [
      'per day',
      429,
      error('Rate limit reached on tokens per day (TPD): Limit 100000, Used 0, Requested 120000', {
        code: 'rate_limit_exceeded',
      }),
    ],
  ])('larger than the minute: %s', async (_vendor, status, body) => {
    expect(await refused(status, body)).toMatchObject({ type: 'ContextTooLong', permanent: true });
  });
});

describe('a refusal', () => {
  test.each<[string, number, unknown, string]>([
    ['DeepSeek without money', 402, error('Insufficient Balance'), 'QuotaExhausted'],
    [
      'Anthropic without money',
      400,
      error('Your credit balance is too low to access the Anthropic API.'),
      'QuotaExhausted',
    ],
    [
      'OpenRouter without money',
      402,
      error(
        'This request requires more credits, or fewer max_tokens. You requested up to 8192 tokens, but can only afford 100',
      ),
      'QuotaExhausted',
    ],
    [
      'Moonshot without money',
      429,
      error('Your account is not active, current state: suspended, please check your plan and billing details', {
        type: 'exceeded_current_quota_error',
      }),
      'QuotaExhausted',
    ],
    ['Zhipu without money', 429, error('余额不足或无可用资源包,请充值。', { code: '1113' }), 'QuotaExhausted'],
    [
      'DashScope in arrears',
      400,
      { code: 'Arrearage', message: 'Access denied, please make sure your account is in good standing.' },
      'QuotaExhausted',
    ],
    [
      'xAI without credits',
      403,
      {
        code: 'The caller does not have permission',
        error: 'Your newly created team doesn’t have any credits yet. You have either used all available credits',
      },
      'QuotaExhausted',
    ],
    [
      'OpenAI’s limit of spending',
      429,
      error('You have reached your specified monthly spend limit', { code: 'billing_hard_limit_reached' }),
      'QuotaExhausted',
    ],
    [
      'Moonshot’s load',
      429,
      error('The engine is currently overloaded, please try again later', { type: 'engine_overloaded_error' }),
      'Overloaded',
    ],
    [
      'Bedrock’s load',
      429,
      { message: 'Model is not ready for inference', __type: 'ModelNotReadyException' },
      'Overloaded',
    ],
    [
      'xAI’s load',
      503,
      { error: 'Service temporarily unavailable. The model is at capacity and currently cannot serve this request.' },
      'Overloaded',
    ],
    ['Groq’s load', 498, error('Flex tier capacity exceeded', { code: 'capacity_exceeded' }), 'Overloaded'],
    ['OpenAI’s load', 503, error('The server is currently overloaded with other requests.'), 'Overloaded'],
    [
      'Azure’s filter',
      400,
      error("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", {
        code: 'content_filter',
      }),
      'ContentFiltered',
    ],
    [
      'DashScope’s filter',
      400,
      { code: 'DataInspectionFailed', message: 'Input data may contain inappropriate content.' },
      'ContentFiltered',
    ],
    [
      'Zhipu’s filter',
      400,
      error('系统检测到输入或生成内容可能包含不安全或敏感内容', { code: '1301' }),
      'ContentFiltered',
    ],
    ['DeepSeek’s filter', 400, error('Content Exists Risk', { type: 'invalid_request_error' }), 'ContentFiltered'],
    [
      'Moonshot’s filter',
      400,
      error('The request was rejected because it was considered high risk', { type: 'content_filter' }),
      'ContentFiltered',
    ],
    ['Ollama’s unknown model', 404, { error: "model 'x' not found" }, 'ModelNotFound'],
    ['OpenRouter’s unknown model', 400, error('x is not a valid model ID', { code: 400 }), 'ModelNotFound'],
    ['OpenRouter’s model without endpoints', 404, error('No endpoints found for x.', { code: 404 }), 'ModelNotFound'],
    [
      'Azure’s deployment',
      404,
      error('The API deployment for this resource does not exist.', { code: 'DeploymentNotFound' }),
      'ModelNotFound',
    ],
    [
      'Groq’s retired model',
      400,
      error('The model `x` has been decommissioned and is no longer supported.', { code: 'model_decommissioned' }),
      'ModelNotFound',
    ],
    [
      'Mistral’s model',
      400,
      { object: 'error', message: 'Invalid model: x', type: 'invalid_model', code: '1500' },
      'ModelNotFound',
    ],
    [
      'an expired key',
      400,
      error('API key expired. Please renew the API key.', {
        status: 'INVALID_ARGUMENT',
        details: [{ reason: 'API_KEY_INVALID' }],
      }),
      'AuthenticationFailed',
    ],
    [
      'xAI’s key',
      400,
      { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xa***nt.' },
      'AuthenticationFailed',
    ],
    [
      'Moonshot’s key',
      401,
      error('Invalid Authentication', { type: 'invalid_authentication_error' }),
      'AuthenticationFailed',
    ],
    [
      'a country',
      400,
      error('User location is not supported for the API use.', { status: 'FAILED_PRECONDITION' }),
      'InvalidRequest',
    ],
    ['a gateway’s timeout', 524, '<html>A timeout occurred</html>', 'Unavailable'],
    [
      'a nested detail',
      422,
      { detail: [{ loc: ['body', 'messages'], msg: 'field required', type: 'value_error.missing' }] },
      'InvalidRequest',
    ],
    ['a text', 500, 'Internal Server Error', 'Unavailable'],
    ['nothing', 429, '', 'RateLimited'],
  ])('%s', async (_what, status, body, type) => {
    expect((await refused(status, body)).type).toBe(type);
  });
});
