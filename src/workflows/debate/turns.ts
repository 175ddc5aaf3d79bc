import { z } from 'zod';
import type { Debater, DebateTurn, Message, Policy, PolicyRef } from '../../contract/index.ts';
import { policyOf } from '../run.ts';
import { generate } from '../steps/generate.ts';
import { letterOf } from '../steps/letters.ts';

/** A debater at the table. */
export interface Seat {
  letter: string;
  name: string;
  role?: string;
  policy: Policy;
}

export async function seated(debaters: Debater[], shared: PolicyRef | undefined): Promise<Seat[]> {
  const policies = await Promise.all(
    debaters.map(async ({ model, policy }): Promise<Policy> => {
      if (model === undefined) return policyOf(policy ?? shared);
      return { ...(shared === undefined ? {} : await policyOf(shared)), candidates: [model] };
    }),
  );
  return debaters.map(({ name, role }, index) => {
    const letter = letterOf(index);
    return { letter, name: name ?? letter, role, policy: policies[index]! };
  });
}

export interface Speaking {
  step: string;
  question: string;
  seat: Seat;
  /** what was said in the round before, by all who are still there */
  before: DebateTurn[];
  round: number;
  rounds: number;
  /** how many debaters there were at the beginning */
  of: number;
}

/** The argument comes first, so that the position can follow from it. */
const Said = z.object({ argument: z.string(), position: z.string().min(1) });

/** One debater's turn of one round. @throws as `generate` */
export async function spoken({ step, question, seat, before, round, rounds, of }: Speaking): Promise<DebateTurn> {
  const { letter, name, role, policy } = seat;
  const { object, model, usage, costUsd } = await generate({
    step,
    policy,
    system: instructions(seat, of),
    messages: messagesOf(question, letter, before, `This is round ${round} of at most ${rounds}.`),
    output: Said,
  });
  const position = object.position.replace(/\s+/g, ' ').trim();
  return { round, speaker: name, letter, role, model, position, text: object.argument.trim(), usage, costUsd };
}

function instructions({ letter, role }: Seat, of: number): string {
  return [
    `You are debater ${letter} of ${of} who debate a question. The others are known to you by their letters alone.`,
    role === undefined ? '' : roleText(role),
    'Give your argument: what speaks for your answer, and, once you have read the others, where they are right and where ' +
      'they err, naming them by their letters. Change your mind for a reason that convinces you, and for no other: not ' +
      'because the others are more, or sound surer.',
    'Then give your position: your answer to the question as you see it now, in one line that can be laid beside those of ' +
      'the others: a number, a name, yes or no, or one short sentence without its reasons. Where you now hold the same ' +
      'as another one, give it in the same words.',
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function roleText(role: string): string {
  const known = Object.hasOwn(ROLES, role) ? ROLES[role]! : `Your role: ${role}`;
  return `${known} Your role decides what you argue. Your position is what you hold true after all that was said, also where that speaks against your role.`;
}

const ROLES: Record<string, string> = {
  for: 'You argue for what the question proposes.',
  against: 'You argue against what the question proposes.',
  "devil's advocate":
    "You are the devil's advocate: whatever the others lean to, you make the strongest case against it.",
};

/** Only the last round is sent: it holds what is left of the ones before, and grows no further with them. */
function messagesOf(question: string, letter: string, before: DebateTurn[], round: string): Message[] {
  const asked: Message = { role: 'user', content: `Question: ${question}` };
  const own = before.find((turn) => turn.letter === letter);
  if (!own) return [asked];
  const others = othersOf(letter, before).map((turn) => `Debater ${turn.letter}:\n${saidIn(turn)}`);
  return [
    asked,
    { role: 'assistant', content: saidIn(own) },
    {
      role: 'user',
      content: [...others, `${round} Answer the others, and give your argument and your position.`].join('\n\n'),
    },
  ];
}

/** Everybody reads the one after them first, so that nobody is first for all: judges and readers prefer answers for their place. */
function othersOf(letter: string, turns: DebateTurn[]): DebateTurn[] {
  const at = turns.findIndex((turn) => turn.letter === letter);
  return [...turns.slice(at + 1), ...turns.slice(0, at)];
}

export function saidIn({ text, position }: DebateTurn): string {
  return `${text}\n\nPosition: ${position}`;
}
