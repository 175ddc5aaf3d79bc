import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/local/ports.ts';
import { processesBelow } from '../first-token/processes.ts';

const STARTS_WITHIN_MS = 180_000;

export interface Peer {
  baseURL: string;
  version: string;
  pid: number;
  stop(): Promise<void>;
}

/**
 * LiteLLM's proxy, from PyPI, in a virtual environment that is kept. Without a database, as it comes: it keeps nothing of a call.
 * @param workers its processes; its documents advise one for each core
 */
export async function startLitellm(
  folder: string,
  home: string,
  providerUrl: string,
  model: string,
  workers: number,
): Promise<Peer> {
  const program = path.join(folder, 'bin/litellm');
  if (!existsSync(program)) {
    await mkdir(folder, { recursive: true });
    run('python3', ['-m', 'venv', folder]);
    run(path.join(folder, 'bin/pip'), ['install', '--quiet', 'litellm[proxy]']);
  }
  const config = path.join(home, 'litellm.yaml');
  const params = { model: `openai/${model}`, api_base: `${providerUrl}/v1`, api_key: 'sk-bench' };
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      model_list: [{ model_name: model, litellm_params: params }],
      litellm_settings: { num_retries: 0 },
    }),
  );
  const port = await freePort(0);
  const child = spawn(
    program,
    [
      ...['--config', config, '--host', '127.0.0.1', '--port', String(port), '--num_workers', String(workers)],
      // Its workers take half a minute to load on a busy machine, and would be killed for it.
      ...['--timeout_worker_healthcheck', '120'],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: home,
      // Nothing is fetched or reported while it is measured.
      env: {
        ...{ ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR', NO_DOCS: 'True' },
        // It listens on this machine alone, as Cadenza does, which asks for no key either.
        LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
      },
    },
  );
  let words = '';
  for (const said of [child.stdout, child.stderr]) {
    said.on('data', (data: Buffer) => {
      words = (words + data.toString()).slice(-2_000);
    });
  }
  const exited = once(child, 'exit');
  const deadline = Date.now() + STARTS_WITHIN_MS;
  while (!(await isReady(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`LiteLLM did not start: ${words}`);
    await delay(200);
  }
  const version = /version: ?([\d.]+)/i.exec(
    spawnSync(path.join(folder, 'bin/pip'), ['show', 'litellm']).stdout.toString(),
  );
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    version: version?.[1] ?? '',
    pid: child.pid!,
    async stop() {
      const all = processesBelow([child.pid!]).map(({ pid }) => pid);
      child.kill('SIGTERM');
      await Promise.race([exited, delay(5_000)]);
      // Its workers may outlive it.
      for (const pid of all) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {}
      }
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  const asked = fetch(`http://127.0.0.1:${port}/health/liveliness`, { signal: AbortSignal.timeout(2_000) });
  return asked.then(
    ({ ok }) => ok,
    () => false,
  );
}

function run(program: string, args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
}
