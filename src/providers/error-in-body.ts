import { shortened } from '../contract/index.ts';
import type { Loose } from './wire.ts';

/** The error that an event or a body holds, in any of the forms that were seen; undefined where it is part of an answer. */
export function errorIn(value: Loose): object | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { base_resp: base } = value;
  const error = value.error ?? value.x_groq?.error ?? value.choices?.[0]?.error;
  // The status, and how long to wait, may stand beside it.
  const { status = value.status_code, code = status, type } = value;
  const waits = Object.entries(value).filter(([name]) => /retry|reset|estimated_time/i.test(name));
  const beside = { ...(status && { status }), ...Object.fromEntries(waits) };
  if (typeof error === 'object' && error !== null)
    return Object.keys(error).length > 0 ? { ...beside, ...error } : undefined;
  if (typeof error === 'string' && error !== '') return { ...beside, code, type, message: error };
  if (value.type === 'error' || value.object === 'error') return value;
  if (base?.status_code) return { code: base.status_code, message: base.status_msg };
  if (ANSWERS.some((field) => value[field] != null)) return undefined;
  const { detail, errors } = value;
  const message = value.message ?? value.msg ?? value.error_msg ?? value.error_message ?? value.Message;
  if (typeof message === 'string') return { ...value, message };
  if (detail) return { message: typeof detail === 'string' ? detail : JSON.stringify(detail) };
  if (errors?.length) return errors[0].message ? errors[0] : { message: JSON.stringify(errors) };
  return undefined;
}

/** Fields of an answer, by which it is told from an error that stands alone. */
const ANSWERS = ['choices', 'candidates', 'delta', 'response', 'output', 'content', 'usageMetadata', 'usage', 'item'];

/** Characters of a body that is no answer, in its error. */
const SHOWN = 300;

/** The error of a body that is no answer at all. */
export function noAnswer(body: string): object {
  return {
    type: 'bad_gateway',
    message: `${body.length} characters came that are no answer: ${shortened(body.trim(), SHOWN)}`,
  };
}
