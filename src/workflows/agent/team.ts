import type { AgentActivities, AgentInput, ToolActivities, Toolset, ToolUse } from '../../contract/index.ts';
import { transcripts } from '../conversation/transcripts.ts';
import { failure, resultOfActivity } from '../failures.ts';
import { chainOfTranscripts } from '../fork.ts';
import { host, perRun } from '../host.ts';
import { currentRun, policyOf } from '../run.ts';
import { type OwnTools, ownToolUses } from './own-tools.ts';
import type { AgentState, Opened } from './state.ts';

export type Profile = Pick<AgentInput, 'system' | 'tools' | 'skills' | 'policy' | 'handoffs'>;

const HAND_OVER = 'hand_over_to_';

/** Opening may have to wait for a tool server that starts. */
const opening = (summary: string) =>
  host().proxyActivities<ToolActivities>({
    summary,
    startToCloseTimeout: '5 minutes',
    heartbeatTimeout: '8 seconds',
    retry: { initialInterval: '1 s', maximumInterval: '10 s', maximumAttempts: 20 },
  });

export const agentActivities = () =>
  host().proxyLocalActivities<AgentActivities>({
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '100 ms', maximumInterval: '10 s' },
  });

export function profileOf(input: AgentInput, who: string): Profile {
  return input.agents?.[who] ?? input;
}

/** The agent a tool hands over to, if it does. */
export function handedTo(input: AgentInput, who: string, tool: string): string | undefined {
  return profileOf(input, who).handoffs?.find((to) => handOverTool(to) === tool);
}

function handOverTool(to: string): string {
  return HAND_OVER + to.replaceAll(/\W+/g, '_').toLowerCase();
}

/** Opens an agent with all it may hand over to: whatever is wrong with their tools is found before a model is asked. */
export async function begun(input: AgentInput, name: string, step: string, own: OwnTools = {}): Promise<AgentState> {
  const who = [name, ...Object.keys(input.agents ?? {})];
  for (const one of who) await assertNoGuardrails(profileOf(input, one), one);
  const opened = await Promise.all(who.map((one) => openedOf(input, one, one === name ? ownToolUses(own) : [])));
  const messages = input.messages ?? [{ role: 'user' as const, content: input.task! }];
  const { place, task, tokens } = await agentActivities().openTranscript(
    `${chainOfTranscripts(currentRun().ref.chain)}~${step}`,
    messages,
  );
  const first = opened[0]!;
  return {
    team: Object.fromEntries(who.map((one, index) => [one, opened[index]!])),
    active: name,
    place,
    head: [],
    task,
    add: [],
    tokens: tokens + (first.toolset?.tokens ?? 0),
    steps: 0,
    usage: { inputTokens: 0, outputTokens: 0 },
    costUsd: 0,
    toolCalls: [],
    failed: 0,
    approved: [],
    startedAt: Date.now(),
  };
}

async function openedOf(input: AgentInput, who: string, own: ToolUse[]): Promise<Opened> {
  const profile = profileOf(input, who);
  const { system, handoffs = [] } = profile;
  const uses: ToolUse[] = [
    ...usesOf(profile),
    ...own,
    ...handoffs.map((to) => ({
      name: handOverTool(to),
      description: `Hand the task over to ${to}, who goes on with it in your place. ${descriptionOf(input, to)}`,
      parameters: {
        type: 'object',
        properties: { reason: { type: 'string', description: 'what is to be done, and why by them' } },
        required: ['reason'],
      },
    })),
  ];
  const [toolset, kept] = await Promise.all([
    uses.length === 0 ? undefined : openedTools(uses, who),
    system === undefined ? [] : transcripts.keepMessages([{ role: 'system', content: system }]),
  ]);
  return { ...(toolset && { toolset }), ...(kept[0] && { system: kept[0].hash }) };
}

function usesOf({ tools = [], skills = [] }: Profile): ToolUse[] {
  return [...tools, ...skills.map((skill) => `skill__${skill}`)];
}

/** What a run has opened: agents of a crew come to work many times. */
const toolsets = perRun(() => new Map<string, Promise<Toolset>>());

function openedTools(uses: ToolUse[], who: string): Promise<Toolset> {
  const key = JSON.stringify(uses);
  const known = toolsets();
  const opened = known.get(key) ?? resultOfActivity(opening(`tools of ${who}`).openTools(currentRun().ref, uses));
  known.set(key, opened);
  return opened;
}

/** Finds what is wrong with an agent that comes to work later. @returns its tools @throws InvalidRequest */
export async function checkProfile(profile: Profile, who: string): Promise<Toolset | undefined> {
  await assertNoGuardrails(profile, who);
  const uses = usesOf(profile);
  return uses.length > 0 ? openedTools(uses, who) : undefined;
}

function descriptionOf(input: AgentInput, to: string): string {
  return input.agents?.[to]?.description ?? 'The agent the task began with.';
}

/** An agent's requests travel by reference: there is nothing of them a check could look at. */
async function assertNoGuardrails({ policy }: Profile, who: string): Promise<void> {
  if ((await policyOf(policy)).guardrails === undefined) return;
  throw failure({
    type: 'InvalidRequest',
    message: `The policy of the agent "${who}" has guardrails, which agents do not run`,
    hint: 'Check its task before, and its answer after, by steps of their own',
    path: 'input.policy.guardrails',
  });
}
