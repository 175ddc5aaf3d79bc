import type { Message as A2aMessage, Part as A2aPart } from '@a2a-js/sdk';
import { refusal } from '../../client/errors.ts';
import type { ApprovalDecision, Message, Part } from '../../contract/index.ts';
import type { Asked } from './task.ts';

/** What an agent is given of a message from another one. @throws CadenzaError InvalidRequest */
export function agentMessage({ parts }: A2aMessage): Message {
  if (parts.length === 0) throw refusal('InvalidRequest', 'The message has no parts', { path: 'message.parts' });
  return { role: 'user', content: parts.map(partOf) };
}

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
type Image = (typeof IMAGES)[number];

function partOf({ content, mediaType, filename }: A2aPart, nth: number): Part {
  if (content?.$case === 'text') return { type: 'text', text: content.value };
  if (content?.$case === 'data') return { type: 'text', text: JSON.stringify(content.value) };
  if (!content) throw refusal('InvalidRequest', 'The part holds nothing', { path: `message.parts[${nth}]` });
  const place =
    content.$case === 'url' ? { url: content.value } : { data: Buffer.from(content.value).toString('base64') };
  if (IMAGES.includes(mediaType as Image)) return { type: 'image', mediaType: mediaType as Image, ...place };
  const name = filename === '' ? {} : { name: filename };
  return { type: 'file', mediaType: mediaType || 'application/octet-stream', ...name, ...place };
}

export function textOf({ parts }: A2aMessage): string {
  return parts
    .map(({ content }) => (content?.$case === 'text' ? content.value : ''))
    .join('\n')
    .trim();
}

const YES = /^\W*(yes|y|ok(ay)?|approved?|allow(ed)?|confirm(ed)?|true)\W*$/i;
const NO = /^\W*(no|n|den(y|ied)|reject(ed)?|refused?|cancel(led)?|false)\W*$/i;

/**
 * What a message says to what its task asks: a data part with `approved` (and `approval`, where several are asked; `comment`,
 * `arguments`), or words. A question is answered by any words; whether a tool may be used, only by yes or no.
 * @throws CadenzaError InvalidRequest where it is neither
 */
export function decisionsOf(message: A2aMessage, asked: Asked[]): { approval: string; decision: ApprovalDecision }[] {
  const said = message.parts.flatMap(({ content }) => {
    if (content?.$case !== 'data' || typeof content.value?.approved !== 'boolean') return [];
    const { approval, approved, comment, arguments: args } = content.value;
    const decision = { approved, ...(comment && { comment: String(comment) }), ...(args && { arguments: args }) };
    return asked
      .filter((one) => approval === undefined || one.approval === approval)
      .map((one) => ({ approval: one.approval, decision }));
  });
  if (said.length > 0) return said;
  const words = textOf(message);
  return asked.map(({ approval, show }) => {
    if (YES.test(words) || NO.test(words)) return { approval, decision: { approved: YES.test(words) } };
    const isQuestion = (show as { question?: unknown } | null)?.question !== undefined;
    if (isQuestion && words !== '') return { approval, decision: { approved: true, comment: words } };
    throw refusal('InvalidRequest', 'The task asks for a yes or a no', {
      path: 'message',
      hint: 'Say yes or no, or send a data part: {"approved": true, "comment": "..."}',
    });
  });
}
