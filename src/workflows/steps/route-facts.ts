import { beginning, ending, type Message, partsOf, type RouteFacts, textOf } from '../../contract/index.ts';
import { estimatedTokens } from './split-text.ts';

/** Characters of what the user said last that a router looks at: so many of its beginning, and of its end. */
const HEAD = 6_000;
const TAIL = 2_000;

export interface RoutedQuestion {
  prompt?: string;
  messages?: Message[];
  system?: string;
  tenant?: string;
  metadata?: Record<string, unknown>;
}

/** What a router knows of a request, without asking anybody. Pure, and the same on every replay. */
export function factsOf({ prompt, messages, system = '', tenant, metadata }: RoutedQuestion): RouteFacts {
  const all: Message[] = messages ?? [{ role: 'user', content: prompt ?? '' }];
  const texts = all.map(textOf);
  const last = all.findLast(({ role }) => role === 'user') ?? all.at(-1)!;
  return {
    tokens: texts.reduce((sum, text) => sum + estimatedTokens(text), estimatedTokens(system)),
    code: texts.some(hasCode),
    images: all.some((message) => partsOf(message).some(({ type }) => type === 'image')),
    text: excerpt(textOf(last)),
    ...(tenant === undefined ? {} : { tenant }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function excerpt(text: string): string {
  return text.length <= HEAD + TAIL ? text : `${beginning(text, HEAD)}\n…\n${ending(text, TAIL)}`;
}

/** Lines as program code has them. One is enough where it can hardly be anything else; of the others it takes two. */
const SURE = [
  /^\s*(```|~~~)/,
  /^\s*#include\s*[<"]/,
  /^\s*(?:async\s+)?def \w+\s*\(.*\)\s*(?:->.*)?:/,
  /^\s*(?:export\s+)?(?:async\s+)?function\s*\*?\s*\w*\s*\(.*\)/,
  /^\s*(?:public|private|protected|static)\s+[\w<>[\]]+\s+\w+\s*\(/,
  /^\s*(?:export\s+)?(?:const|let|var)\s+[\w{[].*=/,
  /^\s*(?:func|fn)\s+(?:\(.*\)\s*)?\w+\s*(?:<.*>)?\(.*\)/,
  /^\s*import\s+(?:[\w{*].*\s+from\s+)?['"][^'"]+['"]/,
  /^\s*select\s+.+\s+from\s+\w+/i,
  /^\s*(?:insert\s+into|create\s+table|alter\s+table|update\s+\w+\s+set)\s+\w+/i,
  /^\s*(?:Traceback \(most recent call last\)|at \S+ \(.+:\d+:\d+\))/,
];
const LIKELY = [
  /[;{]\s*(?:\/\/.*)?$/,
  /^\s*[})\]]+[;,]?\s*$/,
  /^\s*(?:if|for|while|switch|catch)\s*\(.*\)/,
  /^\s*(?:return|raise|throw|import|from|elif|else|try|except)\b.*[:;()]?$/,
  /^\s*(?:\/\/|#!|\/\*)/,
  /\w+\([^)]*\)\s*[;.]/,
  /^\s*<\/?\w+[^>]*>\s*$/,
  /(?:=>|===|!==|&&|\|\||::|->|\+=)/,
];

/** True if a text has program code in it. */
export function hasCode(text: string): boolean {
  let likely = 0;
  for (const line of text.split('\n')) {
    if (line.length > 2_000 || line.trim() === '') continue;
    if (SURE.some((pattern) => pattern.test(line))) return true;
    if (LIKELY.some((pattern) => pattern.test(line))) likely += 1;
    if (likely >= 2) return true;
  }
  // A call or an expression amid a sentence, as in: what does `xs.map(f)` do?
  return /`[^`\n]*[(){}=;<>][^`\n]*`/.test(text);
}
