import { z } from 'zod';
import { CallError } from './errors.ts';
import { later } from './later.ts';
import { JsonSchema, ModelRef } from './models.ts';
import { Pattern } from './route/predicate.ts';

/**
 * What happens when a guardrail fires.
 * - `refuse`: the step fails with `Refused`, whichever candidates are left
 * - `next`: the next candidate is asked
 * - `repair`: the same model is told what is wrong, and asked once more; then the next candidate
 * - `redact`: what was found is replaced, and the step goes on
 */
export const GuardrailAction = later(() => z.enum(['refuse', 'next', 'repair', 'redact']));
export type GuardrailAction = z.infer<typeof GuardrailAction>;

export const PersonalDataKind = later(() => z.enum(['email', 'phone', 'card', 'iban']));
export type PersonalDataKind = z.infer<typeof PersonalDataKind>;

/** The same in every check. `name`: how events call it, else by its kind. `only`: the candidates it is about, else all. */
const common = {
  name: z.string().min(1).max(100).optional(),
  only: z.array(ModelRef).min(1).optional(),
  onFailure: GuardrailAction.optional(),
};

const Count = later(() => z.number().int().positive());

/** Text that must not, or must, be there. RE2, upper and lower case alike. */
const PatternCheck = later(() =>
  z.strictObject({
    check: z.literal('pattern'),
    ...common,
    rule: z.enum(['deny', 'require']),
    pattern: Pattern,
  }),
);
/** Tokens are estimated. */
const LengthCheck = later(() =>
  z
    .strictObject({
      check: z.literal('length'),
      ...common,
      minCharacters: Count.optional(),
      maxCharacters: Count.optional(),
      minTokens: Count.optional(),
      maxTokens: Count.optional(),
    })
    .refine(
      ({ minCharacters, maxCharacters, minTokens, maxTokens }) =>
        [minCharacters, maxCharacters, minTokens, maxTokens].some((limit) => limit !== undefined),
      'A length check has at least one of minCharacters, maxCharacters, minTokens, maxTokens',
    ),
);
/** What the answer must be, although the model was not asked for it as a schema. */
const SchemaCheck = later(() => z.strictObject({ check: z.literal('schema'), ...common, schema: JsonSchema }));
const PersonalDataCheck = later(() =>
  z.strictObject({
    check: z.literal('personalData'),
    ...common,
    /** which kinds, default all; or for each kind what happens */
    kinds: z.union([z.array(PersonalDataKind).min(1), z.partialRecord(PersonalDataKind, GuardrailAction)]).optional(),
    /** where phone numbers without a country code belong, as `DE`; left out, only those with one are found */
    country: z
      .string()
      .regex(/^[A-Z]{2}$/, 'A country is two capital letters, as DE')
      .optional(),
  }),
);
/** Another model is asked a question about the text, which it answers with allowed or not. */
const ModelCheck = later(() =>
  z.strictObject({
    check: z.literal('model'),
    ...common,
    model: ModelRef,
    question: z.string().min(1),
  }),
);
/** An activity of the user's own: it is given a `GuardedText`, and returns a `GuardrailVerdict`. */
const ActivityCheck = later(() =>
  z.strictObject({
    check: z.literal('activity'),
    ...common,
    activity: z.string().min(1),
    /** of the worker that has the activity; left out, the run's own */
    taskQueue: z.string().min(1).optional(),
    timeoutMs: z.number().int().positive().max(600_000).optional(),
  }),
);

export const GuardrailCheck = later(() =>
  z.discriminatedUnion('check', [PatternCheck, LengthCheck, SchemaCheck, PersonalDataCheck, ModelCheck, ActivityCheck]),
);
export type GuardrailCheck = z.infer<typeof GuardrailCheck>;

/** A check that needs nothing but the text. */
export type TextCheck = Extract<GuardrailCheck, { check: 'pattern' | 'length' | 'schema' | 'personalData' }>;

/** Checks of what is asked (`before` any request) and of what is answered (`after`). */
export const Guardrails = later(() =>
  z
    .strictObject({
      before: z.array(GuardrailCheck).max(20).optional(),
      after: z.array(GuardrailCheck).max(20).optional(),
    })
    .superRefine(({ before = [], after = [] }, context) => {
      const say = (stage: string, index: number, field: string, message: string) =>
        context.addIssue({ code: 'custom', path: [stage, index, field], message });
      for (const [stage, checks] of Object.entries({ before, after })) {
        checks.forEach((check, index) => {
          const actions = actionsOf(check);
          const redactable = check.check === 'personalData' || (check.check === 'pattern' && check.rule === 'deny');
          if (actions.includes('redact') && !redactable)
            say(stage, index, 'onFailure', 'Only personal data and denied patterns can be redacted');
          if (stage === 'after') return;
          if (check.check === 'schema') say(stage, index, 'check', 'A schema is checked after the answer, not before');
          if (actions.includes('repair')) say(stage, index, 'onFailure', 'Only an answer can be repaired');
          if (actions.includes('next') && check.only === undefined)
            say(stage, index, 'only', 'All candidates are asked the same: name the ones this check keeps it from');
        });
      }
    }),
);
export type Guardrails = z.infer<typeof Guardrails>;

/** What each kind of personal data brings, where a check is given kinds with actions. */
export function kindActions(
  check: Extract<GuardrailCheck, { check: 'personalData' }>,
): [PersonalDataKind, GuardrailAction][] {
  const { kinds = PersonalDataKind.options } = check;
  if (Array.isArray(kinds)) return kinds.map((kind) => [kind, actionOf(check)]);
  return Object.entries(kinds) as [PersonalDataKind, GuardrailAction][];
}

export function actionOf(check: GuardrailCheck): GuardrailAction {
  return check.onFailure ?? 'refuse';
}

function actionsOf(check: GuardrailCheck): GuardrailAction[] {
  return check.check === 'personalData' ? kindActions(check).map(([, action]) => action) : [actionOf(check)];
}

/** The models that guardrails ask, with the path to each. */
export function modelsOfGuardrails({ before = [], after = [] }: Guardrails): [PropertyKey[], ModelRef][] {
  return Object.entries({ before, after }).flatMap(([stage, checks]) =>
    checks.flatMap((check, index): [PropertyKey[], ModelRef][] =>
      check.check === 'model' ? [[['guardrails', stage, index, 'model'], check.model]] : [],
    ),
  );
}

/** How events name a check. */
export function nameOfCheck(check: GuardrailCheck): string {
  return check.name ?? (check.check === 'activity' ? check.activity : check.check);
}

export const GuardrailStage = later(() => z.enum(['before', 'after']));
export type GuardrailStage = z.infer<typeof GuardrailStage>;

/** The argument of a user's own activity. */
export interface GuardedText {
  text: string;
  stage: GuardrailStage;
  step: string;
}

/** What a user's own activity, or a judging model, says of a text. */
export const GuardrailVerdict = later(() => z.object({ allowed: z.boolean(), reason: z.string().optional() }));
export type GuardrailVerdict = z.infer<typeof GuardrailVerdict>;

/** A place in one of the texts that were checked, and what shall stand there. */
export interface Redaction {
  text: number;
  start: number;
  end: number;
  by: string;
}

/** What one check says. Personal data of several kinds may have several findings. */
export interface GuardrailFinding {
  passed: boolean;
  reason: string;
  /** what happens, where it has not passed */
  action?: GuardrailAction;
  redactions?: Redaction[];
}

/** The `guardrail` event's data. */
export const GuardrailEvent = () => ({
  check: z.string(),
  stage: GuardrailStage,
  /** `failed`: it fired; `error`: the check could not be made, so the step fails */
  outcome: z.enum(['passed', 'failed', 'error']),
  reason: z.string(),
  action: GuardrailAction.optional(),
  /** the model that answered */
  candidate: ModelRef.optional(),
  error: CallError.optional(),
});
