import type { CallError, ErrorType } from '../../contract/index.ts';
import { waitOf } from '../../providers/retry-after.ts';
import { type ToolContext, ToolFailure } from '../tool.ts';

/** How much of a refusal's text the model is shown, characters. */
const REFUSAL_SHOWN = 2_000;
/** Statuses that may be others at another time; the first two also where the call writes, as they say it did not. */
const NOT_DONE = [429, 503];
const PASSING = [...NOT_DONE, 408, 425, 500, 502, 504];

/**
 * What an API answered, as a tool gives it: JSON as it is, text as text, and what is neither as a file of the run.
 * @param call how messages name it: `GET /pets/{id}`
 * @throws ToolFailure for every status but 2xx; retryable where the same call may go otherwise
 */
export async function answerOf(
  response: Response,
  call: string,
  { files }: Pick<ToolContext, 'files'>,
  isSafe: boolean,
) {
  if (!response.ok) throw await refusal(response, call, isSafe);
  const mediaType = (response.headers.get('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length === 0) return { status: response.status };
  if (isText(mediaType)) {
    const text = new TextDecoder().decode(bytes);
    return /[/+]json$/.test(mediaType) ? parsed(text) : text;
  }
  const name = `${call.replace(/\W+/g, '-').replace(/^-|-$/g, '').toLowerCase()}-${Date.now()}`;
  return { file: await files.write(name, bytes, mediaType || 'application/octet-stream') };
}

function isText(mediaType: string): boolean {
  return (
    mediaType === '' || mediaType.startsWith('text/') || /[/+](json|xml|yaml)$|javascript|urlencoded/.test(mediaType)
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function refusal(response: Response, call: string, isSafe: boolean): Promise<ToolFailure> {
  const { status } = response;
  const text = (await response.text().catch(() => '')).trim();
  const shown = text.length > REFUSAL_SHOWN ? `${text.slice(0, REFUSAL_SHOWN)}…` : text;
  const retryAfterMs = waitOf(response.headers.get('retry-after'));
  const error: CallError = {
    type: typeOf(status),
    message: `${call} answered ${status}${shown ? `: ${shown}` : ''}`,
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  return new ToolFailure(error, { retryable: (isSafe ? PASSING : NOT_DONE).includes(status) });
}

function typeOf(status: number): ErrorType {
  if (status === 401 || status === 403) return 'AuthenticationFailed';
  if (status === 429) return 'RateLimited';
  return PASSING.includes(status) ? 'Unavailable' : 'ToolFailed';
}
