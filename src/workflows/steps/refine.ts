import { z } from 'zod';
import type { Answer, Message, PolicyRef } from '../../contract/index.ts';
import { answerOf } from '../answer-of.ts';
import { failure } from '../failures.ts';
import { note, record } from '../run.ts';
import { stepId } from '../step-id.ts';
import { generate } from './generate.ts';

const Critique = z.object({
  /** what is to be mended */
  problems: z.array(z.string()),
  /** 0..1 */
  score: z.number().min(0).max(1),
  accepted: z.boolean(),
});
export type Critique = z.infer<typeof Critique>;

export interface RefineRequest {
  step?: string;
  prompt: string;
  system?: string;
  writer?: PolicyRef;
  critic: PolicyRef;
  /** what the critic looks for */
  rubric?: string;
  /** how many texts are written at most, default 3 */
  rounds?: number;
  /** when a text is good enough; left out, when the critic says so */
  accept?: (critique: Critique) => boolean;
}

export interface Refined extends Answer {
  /** texts written */
  rounds: number;
  accepted: boolean;
  /** one a round; the last is of the text that is given back */
  critiques: Critique[];
}

const DEFAULT_RUBRIC = 'It does what was asked, is correct and complete, and has nothing that could go.';

/**
 * Write, have it criticised, and write again, until the critic accepts or the rounds are over.
 *
 *   prompt --> draft --> critique --accepted--> text
 *                ^          |
 *                +-- revise-+
 *
 * The text that is given back is one the critic has seen. After Self-Refine (Madaan et al. 2023, arXiv 2303.17651), with
 * a critic that may be another model.
 * @throws as `generate`
 */
export async function refine(request: RefineRequest): Promise<Refined> {
  const { step = 'refine', prompt, system, writer, critic, rubric = DEFAULT_RUBRIC, rounds = 3 } = request;
  const { accept = ({ accepted }: Critique) => accepted } = request;
  const id = stepId(step);
  if (!(rounds >= 1)) throw failure({ type: 'InvalidRequest', message: 'refine needs at least one round', step: id });

  const critiques: Critique[] = [];
  let text = await generate({ step: `${id}/draft`, policy: writer, system, prompt });
  for (;;) {
    const critique = await criticised(text.text);
    const accepted = accept(critique);
    critiques.push(critique);
    const round = critiques.length;
    await record([
      { type: 'verdict', key: `verdict:${id}:${round}`, step: id, data: { verdict: { round, ...critique, accepted } } },
    ]);
    note(`${id}: round ${round} of ${rounds}, ${accepted ? 'accepted' : `${critique.problems.length} problems`}`);
    if (accepted || round >= rounds) return { ...answerOf(text), rounds: round, accepted, critiques };
    text = await generate({
      step: `${id}/revise`,
      policy: writer,
      system,
      messages: revision(prompt, text.text, critique.problems),
    });
  }

  async function criticised(written: string): Promise<Critique> {
    const { object } = await generate({
      step: `${id}/critique`,
      policy: critic,
      system:
        `You criticise a text that was written to an instruction. Rubric: ${rubric} Name each problem and how to mend it, ` +
        'give a score from 0 to 1, and accept the text only if nothing that matters is left to mend.',
      prompt: `Instruction:\n${prompt}\n\nText:\n${written}`,
      output: Critique,
    });
    return object;
  }
}

/** Only the newest text and its critique: a transcript of all rounds would grow, and help little. */
function revision(prompt: string, text: string, problems: string[]): Message[] {
  const list = problems.map((problem) => `- ${problem}`).join('\n');
  return [
    { role: 'user', content: prompt },
    { role: 'assistant', content: text },
    { role: 'user', content: `Write it again with these problems mended, and give nothing but the text:\n${list}` },
  ];
}
