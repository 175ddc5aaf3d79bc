import { createInterface, type Interface } from 'node:readline';
import type { Command } from 'commander';
import type { Cadenza, SentMessage } from '../../client/cadenza.ts';
import { CadenzaError } from '../../client/errors.ts';
import { type PolicyRef, withoutUndefined } from '../../contract/index.ts';
import { describe, interrupted, usageError } from '../failure.ts';
import { BUDGET_FLAG, POLICY_FLAG } from '../flags.ts';
import { onInterrupt } from '../interruption.ts';
import { printJson, printNote, wantsJson } from '../output.ts';
import { readInput } from '../read-input.ts';
import { EMPTY_STREAM, withStreamed } from '../views/stream.ts';
import { withClient } from '../with-client.ts';

interface ChatFlags {
  input?: string;
  policy?: PolicyRef;
  system?: string;
  tenant?: string;
  budget?: number;
}

const END = '/end';

export function configure(command: Command): void {
  command
    .argument('[id]', 'the id of a conversation: goes on with it, or starts it under this id')
    .option('-i, --input <json|file>', 'the input of a new conversation: its system, policy, context, idle')
    .option(...POLICY_FLAG)
    .option('--system <text>', 'instructions for the model')
    .option('--tenant <name>', 'for whom it runs')
    .option(...BUDGET_FLAG)
    .addHelpText(
      'after',
      `
A line of ${END} ends the conversation; without it, it goes on when you leave, and can be come back to by its id.

Examples:
  $ cadenza chat --policy anthropic/claude-sonnet-5-5
  $ cadenza chat travel-plans
  $ cadenza chat travel-plans --json < messages.txt`,
    )
    .action(async (id: string | undefined, flags: ChatFlags) => {
      const input = await inputOf(flags);
      await withClient(async (client) => {
        const { tenant, budget: budgetUsd } = flags;
        const run = await client.startUnchecked('conversation', input, { id, tenant, budgetUsd });
        printNote(run.isNew ? `Conversation ${run.id}.` : `Conversation ${run.id}, where it was left.`);
        await converse(client, run.id, wantsJson(command));
      });
    });
}

async function inputOf({ input, policy, system }: ChatFlags): Promise<object> {
  if (input === '-') throw usageError('--input - and the messages cannot both come from stdin.');
  const given = input === undefined ? {} : await readInput(input);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw usageError('--input is the JSON object a conversation begins with.');
  }
  return { ...given, ...withoutUndefined({ policy, system }) };
}

/** Line by line, to the end of the lines, the end of the conversation, or Ctrl-C. */
async function converse(client: Cadenza, id: string, json: boolean): Promise<void> {
  const isPerson = process.stdin.isTTY === true;
  const interrupt = onInterrupt();
  const lines = createInterface({ input: process.stdin, output: isPerson ? process.stderr : undefined, prompt: '› ' });
  // A terminal that reads lines keeps Ctrl-C for itself.
  lines.on('SIGINT', () => process.emit('SIGINT'));
  interrupt.signal.addEventListener('abort', () => lines.close());
  try {
    for await (const text of typedMessages(lines, isPerson)) {
      if (text === END) {
        const ended = client.end(id).then(() => client.result(id));
        if ((await unlessAborted(interrupt.signal, ended)) === ABORTED) break;
        printNote(`Conversation ${id} has ended.`);
        return;
      }
      await sendAndPrint(() => client.say(id, text), { json, isPerson, signal: interrupt.signal });
      if (interrupt.signal.aborted) break;
    }
  } finally {
    lines.close();
    interrupt.done();
  }
  const goesOn = `The conversation goes on: cadenza chat ${id}`;
  if (interrupt.signal.aborted) throw interrupted(`\n${goesOn}`);
  printNote(goesOn);
}

async function* typedMessages(lines: Interface, isPerson: boolean): AsyncGenerator<string> {
  if (isPerson) lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') yield line.trim();
    if (isPerson) lines.prompt();
  }
}

interface Answering {
  json: boolean;
  isPerson: boolean;
  signal: AbortSignal;
}

/** A person is told what went wrong and may go on; a program is stopped by it. */
async function sendAndPrint(send: () => Promise<SentMessage>, { json, isPerson, signal }: Answering): Promise<void> {
  try {
    const sent = await unlessAborted(signal, send());
    if (sent === ABORTED) return;
    if (!json) await streamAnswer(sent, signal);
    const answer = await unlessAborted(signal, sent.answer());
    if (answer !== ABORTED && json) printJson({ message: sent.id, ...answer });
  } catch (thrown) {
    const goesOn =
      thrown instanceof CadenzaError && (thrown.code === 'NotAnswered' || thrown.code === 'InvalidRequest');
    if (!isPerson || !goesOn) throw thrown;
    const { message, hint } = describe(thrown);
    printNote(`✗ ${message}${hint ? `\n  ${hint}` : ''}`);
  }
}

const ABORTED = Symbol('aborted');

/** What was asked for, or that Ctrl-C came before it. */
function unlessAborted<Value>(signal: AbortSignal, asked: Promise<Value>): Promise<Value | typeof ABORTED> {
  const { promise, resolve } = Promise.withResolvers<typeof ABORTED>();
  const stop = () => resolve(ABORTED);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  return Promise.race([asked, promise]).finally(() => signal.removeEventListener('abort', stop));
}

async function streamAnswer(sent: SentMessage, signal: AbortSignal): Promise<void> {
  let stream = EMPTY_STREAM;
  for await (const event of sent.events({ signal })) {
    // The message is on the screen: it was typed there.
    if (event.type === 'step.started') continue;
    const next = withStreamed(stream, event);
    stream = next.stream;
    process.stdout.write(next.written);
    if (signal.aborted) break;
  }
}
