import type { CallError, ErrorType } from '../../contract/index.ts';
import { waitOf } from '../../providers/retry-after.ts';
import { ToolFailure } from '../tool.ts';

/** What a web server's refusal means. @param variable the environment variable of its key. Its words are not repeated:
 *  an engine's may hold the key */
export async function refusalOf(response: Response, who: string, variable?: string): Promise<ToolFailure> {
  const { status } = response;
  await response.body?.cancel();
  const retryAfterMs = waitOf(response.headers.get('retry-after'));
  const type = typeOf(status);
  const error: CallError = { type, message: `${who} answered ${status}`, status, retryAfterMs };
  if (type === 'AuthenticationFailed' && variable) error.hint = `Look at ${variable}`;
  return new ToolFailure(error, { retryable: type === 'RateLimited' || type === 'Unavailable' });
}

function typeOf(status: number): ErrorType {
  if (status === 401 || status === 403) return 'AuthenticationFailed';
  if (status === 402) return 'QuotaExhausted';
  if (status === 429) return 'RateLimited';
  return status >= 500 ? 'Unavailable' : 'ToolFailed';
}
