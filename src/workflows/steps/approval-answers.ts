import { ApplicationFailure, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import { ANSWER_APPROVAL, ApprovalAnswer, type ApprovalRefusal, invalidRequest } from '../../contract/index.ts';
import { perRun } from '../host.ts';

/** A question to a person that waits for its answer. */
export interface Question {
  id: string;
  /** ms since 1970 */
  deadline: number | undefined;
  isAnswered(): boolean;
  /** Takes no more answers. @returns the one that was taken */
  close(): ApprovalAnswer | undefined;
}

interface Asked {
  id: string;
  deadline: number | undefined;
  approvers: string[] | undefined;
}

interface State extends Asked {
  answer?: ApprovalAnswer;
  closed: boolean;
}

interface Answers {
  /** the questions of the run, by the step that asks */
  questions: Map<string, State>;
  /** Came by Signal before their questions. Events tell of a question at once, but a task that was lost with its worker is
   *  done again from where Temporal has it, and the answer is in the history by then. */
  early: ApprovalAnswer[];
}

const answers = perRun((): Answers => ({ questions: new Map(), early: [] }));
const EARLY_AT_MOST = 100;
const NOT_ASKED = 'ApprovalNotAsked' satisfies ApprovalRefusal;

/** An Update tells whoever sends it whether the answer was taken; a Signal waits in Temporal while no worker is there. */
const answerByUpdate = defineUpdate<{ approval: string; approved: boolean }, [ApprovalAnswer]>(ANSWER_APPROVAL);
const answerBySignal = defineSignal<[ApprovalAnswer]>(ANSWER_APPROVAL);

/** Makes the run take answers to the question. */
export function askPerson(asked: Asked): Question {
  const state: State = { ...asked, closed: false };
  const { questions, early } = answers();
  questions.set(asked.id, state);
  setHandler(answerByUpdate, take, {
    validator: (answer) => {
      const refusal = refusalOf(answer);
      if (refusal) throw refusal;
    },
  });
  setHandler(answerBySignal, (answer) => {
    const refusal = refusalOf(answer);
    if (!refusal) take(answer);
    else if (refusal.type === NOT_ASKED && early.length < EARLY_AT_MOST) early.push(answer);
  });
  for (const answer of early) if (answer.approval === asked.id && !refusalOf(answer)) take(answer);
  return {
    id: asked.id,
    deadline: asked.deadline,
    isAnswered: () => state.answer !== undefined,
    close() {
      state.closed = true;
      return state.answer;
    },
  };
}

function take(given: ApprovalAnswer): { approval: string; approved: boolean } {
  const { approval, approved } = given;
  answers().questions.get(approval)!.answer ??= given;
  return { approval, approved };
}

/** Why an answer is not taken, before anything of it is kept. */
function refusalOf(given: unknown): ApplicationFailure | undefined {
  const parsed = ApprovalAnswer.safeParse(given);
  if (!parsed.success) return refused('InvalidRequest', invalidRequest(parsed.error, 'answer').message);
  const { approval, answer, by, identities, at } = parsed.data;
  const { questions } = answers();
  const state = questions.get(approval);
  if (!state) {
    const known = [...questions.keys()].join(', ');
    return refused(NOT_ASKED, `This run asks for no approval "${approval}". It has asked for: ${known}`);
  }
  if (state.answer) {
    const again = answer !== undefined && answer === state.answer.answer;
    return again
      ? undefined
      : refused('ApprovalResolved', `The approval "${approval}" was ${decisionText(state.answer)} already`);
  }
  if (state.closed || isLate(state, at)) {
    return refused('ApprovalResolved', `The approval "${approval}" has expired: nobody answered in time`);
  }
  if (state.approvers && !mayAnswer(state.approvers, by, identities)) {
    const who = identities?.join(', ') ?? by;
    const problem = who === undefined ? 'the answer names nobody' : `"${who}" is none of them`;
    return refused('NotAnApprover', `The approval "${approval}" is for ${state.approvers.join(', ')}, and ${problem}`);
  }
  return undefined;
}

/** Where it was found out who answers, that counts and nothing else; a name is taken at its word only where it was not. A
 *  key or a role is never taken at its word. */
function mayAnswer(approvers: string[], by: string | undefined, identities: string[] | undefined): boolean {
  if (identities) return approvers.some((approver) => identities.includes(approver));
  return by !== undefined && !/^(key|role):/.test(by) && approvers.includes(by);
}

/** Given after the deadline; one that only arrived after it counts. */
function isLate({ deadline }: State, at: string | undefined): boolean {
  return deadline !== undefined && at !== undefined && Date.now() >= deadline && Date.parse(at) >= deadline;
}

function decisionText({ approved, by }: ApprovalAnswer): string {
  return `${approved ? 'approved' : 'rejected'}${by === undefined ? '' : ` by ${by}`}`;
}

function refused(type: ApprovalRefusal, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
