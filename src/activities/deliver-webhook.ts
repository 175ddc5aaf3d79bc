import { ApplicationFailure, Context } from '@temporalio/activity';
import { Agent, type Dispatcher, request } from 'undici';
import { hostOf, PrivateAddressError, publicLookup, refusalOfUrl, webhookSigner } from '../config/index.ts';
import {
  type CallError,
  type ErrorType,
  WEBHOOK_SECRET,
  type WebhookDelivery,
  type WebhookMessage,
} from '../contract/index.ts';
import { waitOf } from '../providers/retry-after.ts';
import { heartbeat } from './heartbeat.ts';
import type { Rooms } from './rooms.ts';

/** How long a receiver may take to answer, ms: Standard Webhooks says 15 to 30 s. */
const ANSWER_WITHIN_MS = 20_000;
/** The longest a receiver can have us wait, ms. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/**
 * Sends one message to the address a run names, signed as Standard Webhooks says. An answer of 2xx is a success.
 * @throws ApplicationFailure, not to be retried where the receiver is gone (410) or the address may not be asked
 */
export function createDeliverWebhook({
  config,
  env,
}: Pick<Rooms, 'config' | 'env'>): (delivery: WebhookDelivery) => Promise<void> {
  const { privateHosts } = config.webhooks;
  const anywhere = agent();
  const publicOnly = agent(publicLookup);

  return async ({ messageId, to, message }) => {
    const { url, secretEnv = WEBHOOK_SECRET } = to;
    const refusal = await refusalOfUrl(url, privateHosts);
    if (refusal) throw refused(refusal);
    const secret = env[secretEnv];
    if (!secret) {
      // Retried: a worker that is started anew with the variable mends it.
      throw failed('InvalidRequest', `The webhook cannot be signed: this worker has no variable ${secretEnv}`);
    }
    const body = JSON.stringify(withAddresses(message, config.gatewayUrl));
    const now = new Date();
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'cadenza-webhook',
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': webhookSigner(secret).sign(messageId, now, body),
    };
    await answered(url, {
      method: 'POST',
      headers,
      body,
      dispatcher: privateHosts.includes(hostOf(url)) ? anywhere : publicOnly,
    });
  };
}

async function answered(url: string, options: Parameters<typeof request>[1]): Promise<void> {
  const context = Context.current();
  const stopHeartbeat = heartbeat();
  const signal = AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
  try {
    const { statusCode, headers, body } = await request(url, { ...options, signal });
    await body.dump({ limit: 65_536 }).catch(() => {});
    if (statusCode < 200 || statusCode > 299) throw ofStatus(url, statusCode, headers['retry-after']);
  } catch (thrown) {
    if (thrown instanceof ApplicationFailure || context.cancellationSignal.aborted) throw thrown;
    if (thrown instanceof PrivateAddressError) throw refused(thrown.message);
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw failed('ConnectionLost', `${hostOf(url)} did not take the webhook: ${reason}`);
  } finally {
    stopHeartbeat();
  }
}

function ofStatus(url: string, status: number, retryAfter: string | string[] | undefined): ApplicationFailure {
  const message = `${hostOf(url)} answered the webhook with ${status}`;
  if (status === 410) return failed('Refused', `${message}: it wants no more`, { status, final: true });
  const waitMs = typeof retryAfter === 'string' ? waitOf(retryAfter) : undefined;
  return failed('Unavailable', message, { status, waitMs });
}

function refused(reason: string): ApplicationFailure {
  const hint = 'Allow its host in cadenza.config.ts, under webhooks.privateHosts';
  return failed('InvalidRequest', `The webhook is not sent: ${reason}. ${hint}`, { final: true });
}

function failed(
  type: ErrorType,
  message: string,
  { status, final = false, waitMs }: { status?: number; final?: boolean; waitMs?: number } = {},
): ApplicationFailure {
  const error: CallError = { type, message, status };
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: final,
    details: [error],
    ...(waitMs === undefined ? {} : { nextRetryDelay: Math.min(Math.max(1_000, waitMs), LONGEST_RETRY_AFTER_MS) }),
  });
}

/** Redirects are not followed: a receiver that moved is told by its 3xx. */
function agent(lookup?: typeof publicLookup): Dispatcher {
  return new Agent({ connect: { timeout: 10_000, ...(lookup ? { lookup } : {}) }, keepAliveTimeout: 1_000 });
}

function withAddresses(message: WebhookMessage, gatewayUrl: string | undefined): WebhookMessage {
  if (gatewayUrl === undefined) return message;
  const base = gatewayUrl.replace(/\/$/, '');
  const links = Object.fromEntries(Object.entries(message.data.links).map(([name, path]) => [name, base + path]));
  return { ...message, data: { ...message.data, links } };
}
