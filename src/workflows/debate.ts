import {
  DEFAULT_ROUNDS,
  DebateInput,
  type DebateResult,
  type DebateRound,
  type DebateTurn,
  type PolicyRef,
  type RunOptions,
} from '../contract/index.ts';
import { attempt, noneAnswered } from './attempt.ts';
import { agreementOf, type Debate, decided, writtenBy } from './debate/decision.ts';
import { type Seat, seated, spoken } from './debate/turns.ts';
import { failure } from './failures.ts';
import { inputOf } from './input.ts';
import { note, record } from './run.ts';
import { stepId } from './step-id.ts';

/** As a step of another workflow, `debate` can be given a name; its own steps then begin with it. */
export type DebateStep = DebateInput & { step?: string };

/**
 * Have several debaters answer a question, read each other's answers without names, and answer again, until they agree or
 * the rounds are over; then a judge decides, or their vote does.
 *
 *              +-> A --+           +-> A --+
 *   question --+-> B --+- agree? --+-> B --+- agree? -- ... --> judge | vote --> final
 *              +-> C --+  no       +-> C --+      |
 *                                                 +--yes--> final
 *
 * A debater that fails is left out from then on, and named; the run fails only if none is left.
 * All speak at once and read the others' last answers, as in Du et al. 2023, "Improving Factuality and Reasoning in
 * Language Models through Multiagent Debate" (arXiv 2305.14325); roles, the judge and ending early are those of Liang et
 * al. 2023, "Encouraging Divergent Thinking in Large Language Models through Multi-Agent Debate" (arXiv 2305.19118).
 */
export async function debate({ step, ...input }: DebateStep, _options?: RunOptions): Promise<DebateResult> {
  const { question, debaters, rounds = DEFAULT_ROUNDS, judge, rubric, policy, ...rest } = inputOf(DebateInput, input);
  const { agreement = judge === undefined ? 'words' : 'judge' } = rest;
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);
  const transcript: DebateTurn[] = [];
  const absent: DebateResult['absent'] = [];
  let ended: DebateResult['ended'] = 'rounds';
  let seats = await seated(debaters, policy);
  let round = 0;

  while (ended === 'rounds' && round < rounds) {
    round += 1;
    const before = transcript.filter((turn) => turn.round === round - 1);
    const turns = await Promise.all(seats.map((seat) => turnOf(seat, before)));
    transcript.push(...turns.filter((turn) => turn !== undefined));
    seats = seats.filter((_, index) => turns[index] !== undefined);
    if (seats.length === 0) throw failure(noneAnswered('debaters', absent.map(asFailed), step));
    if (seats.length === 1) ended = 'alone';
    else if (await agree()) ended = 'agreed';
  }

  const { verdict, final: inTheirWords } = await decided(held(), ended, { judge, rubric });
  const key = stepId(`verdict:${named('verdict')}`);
  await record([{ type: 'verdict', key, step: named('verdict'), data: { verdict } }]);
  note(`${named('verdict')}: by ${verdict.method}, "${verdict.position}", held by ${verdict.heldBy.join(', ')}`);
  const written = ended === 'agreed' && judge ? await writtenBy(judge, held(), verdict.position) : undefined;
  return { transcript, rounds: round, ended, verdict, absent, final: written ?? inTheirWords };

  function held(): Debate {
    return { question, seats, transcript, round, named };
  }

  async function turnOf(seat: Seat, before: DebateTurn[]): Promise<DebateTurn | undefined> {
    const at = named(`round-${round}/${seat.name}`);
    const turn = await attempt(spoken({ step: at, question, seat, before, round, rounds, of: debaters.length }), at);
    if (!('error' in turn)) return turn;
    absent.push({ speaker: seat.name, round, error: turn.error });
    return undefined;
  }

  /** Whether all agree now. In the last round nobody need be asked: the end is decided anyway. */
  async function agree(): Promise<boolean> {
    const asked: PolicyRef | undefined = agreement === 'judge' && round < rounds ? judge : undefined;
    const found = await agreementOf(held(), agreement === 'never' ? 'never' : asked);
    await recordRound(found);
    return found.agreed;
  }

  async function recordRound(found: DebateRound): Promise<void> {
    const at = named(`round-${round}`);
    await record([{ type: 'verdict', key: stepId(`verdict:${at}`), step: at, data: { verdict: found } }]);
    const positions = found.positions.map(({ speaker, position }) => `${speaker} "${position}"`).join(', ');
    note(`${at}: ${found.agreed ? 'agreed' : 'not agreed'}: ${positions}`);
  }
}

function asFailed({ speaker, error }: DebateResult['absent'][number]) {
  return { model: speaker, error };
}
