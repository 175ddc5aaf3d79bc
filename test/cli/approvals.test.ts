import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { approvalTable } from '../../src/cli/commands/approvals.ts';
import { scheduleTable } from '../../src/cli/commands/schedule.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { untilEvent } from '../setup/until.ts';
import { cadenza } from './command-line.ts';

let bed: StepBed;
let env: Record<string, string>;
beforeAll(async () => {
  bed = await stepBed(await mockProvider());
  env = {
    TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
    CADENZA_DATABASE_URL: bed.databaseUrl,
    CADENZA_TASK_QUEUE: bed.taskQueue,
  };
});
afterAll(() => bed.close());

test('an approval is listed, shown, rejected with a reason, and then cannot be answered again', async () => {
  const id = `cli-${randomUUID()}`;
  const run = await bed.temporal.workflow.start('approval', {
    workflowId: id,
    taskQueue: `${bed.taskQueue}-steps`,
    args: [{ step: 'sign-off', show: 'A draft\nof two lines' }],
  });
  await untilEvent(bed.client, id, 'approval.requested');

  const all = await cadenza(['approvals'], { env });
  expect(all.stdout).toMatch(new RegExp(`${id} +sign-off .* for ever +A draft of two lines`));
  expect((await cadenza(['approvals', id], { env })).stdout).toBe('── sign-off\nA draft\nof two lines\n');
  const json = await cadenza(['approvals', '--json'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({ id, approval: 'sign-off' });

  const wrong = await cadenza(['approve', id, 'sign-of'], { env });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('It waits for: sign-off');
  const no = await cadenza(['approve', id, 'sign-off', '--reject', '--comment', 'Too short', '--by', 'ann'], { env });
  expect(no).toMatchObject({ code: 0, stdout: `Rejected sign-off of ${id}.\n` });
  expect(await run.result()).toMatchObject({ approved: false, comment: 'Too short', by: 'ann' });

  const again = await cadenza(['approve', id, 'sign-off', '--json'], { env });
  expect(again.code).toBe(1);
  expect(JSON.parse(again.stderr)).toMatchObject({ error: { type: 'Conflict' } });
  expect((await cadenza(['approvals'], { env })).stdout).toBe('No run waits for an approval.\n');
});

test('the command line is the operator’s: it answers what is for a role', async () => {
  const id = `cli-${randomUUID()}`;
  const run = await bed.temporal.workflow.start('approval', {
    workflowId: id,
    taskQueue: `${bed.taskQueue}-steps`,
    args: [{ step: 'sign-off', show: 'A draft', approvers: ['role:approver'] }],
  });
  await untilEvent(bed.client, id, 'approval.requested');
  expect(await cadenza(['approve', id, 'sign-off'], { env })).toMatchObject({ code: 0 });
  expect(await run.result()).toMatchObject({ approved: true });
});

test('a schedule is made, triggered, listed, paused and deleted', async () => {
  const name = `cli-${randomUUID()}`;
  const input = JSON.stringify({ prompt: `Scheduled, ${name}`, policy: { candidates: ['sandbox/gpt'] } });
  const create = ['schedule', 'create', name, 'ask', '--input', input];
  const made = await cadenza([...create, '--cron', '0 0 1 1 *', '--tenant', 'acme'], { env });
  expect(made.stdout).toMatch(new RegExp(`^${name} runs ask, next at \\d{4}-01-01T00:00:00.000Z.\n$`));
  expect((await cadenza([...create, '--every', '1h'], { env })).stderr).toContain('There is a schedule');
  expect((await cadenza(['schedule', 'trigger', name], { env })).code).toBe(0);
  expect((await cadenza(['schedule', 'pause', name], { env })).stdout).toBe(`The schedule ${name} is paused.\n`);
  expect((await cadenza(['schedule', 'list'], { env })).stdout).toContain(name);
  expect((await cadenza(['schedule', 'delete', name], { env })).code).toBe(0);
  expect((await cadenza(['schedule', 'resume', name], { env })).stderr).toContain('No schedule named');
});

test.each([
  [['approve', 'r1'], "missing required argument 'approval'"],
  [['schedule', 'create', 'a', 'ask', '--input', '{}'], 'either --cron or --every'],
  [['schedule', 'create', 'a', 'ask', '--input', '{}', '--every', '1h', '--budget', '0'], '--budget 0'],
  [['schedule', 'crate'], "unknown command 'crate'"],
])('cadenza %j ends with 2 and says what is wrong', async (args, said) => {
  const { code, stdout, stderr } = await cadenza(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(said);
});

test.each(['approve', 'approvals', 'schedule'])('the help of %s has an example and --json', async (command) => {
  const { stdout } = await cadenza([command, '--help']);
  expect(stdout).toMatch(/Examples?:\n {2}\$ /);
  expect(stdout).toContain('--json');
});

test('tables say when, and what is shown in one short line', () => {
  const now = Date.parse('2026-01-01T00:05:00.000Z');
  const requestedAt = '2026-01-01T00:00:00.000Z';
  const pending = { id: 'r1', approval: 'sign-off', pattern: 'p', requestedAt, show: { text: 'word '.repeat(50) } };
  const [, line] = approvalTable([pending], now).split('\n');
  expect(line).toMatch(/^r1 +sign-off +5 min ago +for ever +\{ "text": "word .*…$/);
  expect(line!.length).toBeLessThan(120);
  const lastRun = { id: 'news-1', at: requestedAt };
  const rows = scheduleTable(
    [
      {
        name: 'news',
        pattern: 'ask',
        cron: '0 6 * * *',
        timezone: 'Europe/Berlin',
        paused: false,
        nextAt: 'soon',
        lastRun,
      },
      { name: 'pulse', pattern: 'ask', every: '1h', paused: true },
    ],
    now,
  ).split('\n');
  expect(rows[1]).toMatch(/^news +ask +0 6 \* \* \* Europe\/Berlin +soon +news-1, 5 min ago$/);
  expect(rows[2]).toMatch(/^pulse +ask +every 1h +paused +none yet$/);
});
