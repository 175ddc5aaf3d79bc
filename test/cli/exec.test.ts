import { expect, test } from '@jest/globals';
import { cadenza } from './command-line.ts';

const env = { TEMPORAL_ADDRESS: 'temporal.example:7233', CADENZA_DATABASE_URL: 'postgres://db.example/cadenza' };
const exec = (...program: string[]) => cadenza(['exec', '--', ...program], { env });

test('the exit code of a program is the command’s, and 128 and the number of the signal that ended it', async () => {
  expect(await exec('sh', '-c', 'echo $TEMPORAL_ADDRESS')).toEqual({
    code: 0,
    stdout: `${env.TEMPORAL_ADDRESS}\n`,
    stderr: '',
  });
  expect(await exec('sh', '-c', 'exit 3')).toMatchObject({ code: 3 });
  expect(await exec('sh', '-c', 'kill -9 $$')).toMatchObject({ code: 137 });
});

test('the flags of the program are not the command’s', async () => {
  const { code, stderr } = await exec('sh', '-c', 'exit 3', '--json');
  expect([code, stderr]).toEqual([3, expect.stringMatching(/^✗ sh ended with 3/)]);
});
