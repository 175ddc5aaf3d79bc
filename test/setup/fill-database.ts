import pg from 'pg';

/** What `fillDatabase` makes. */
export interface Filling {
  runs: number;
  /** calls of each run, and events of text of each call */
  calls?: number;
  deltas?: number;
  /** the runs ended evenly over so many days before now */
  days?: number;
}

/**
 * Fills a database that has Cadenza's tables with finished runs, by SQL: what 100,000 real ones would leave, in a minute.
 * Run n is `filled-<n>` of tenant `t<n mod 10>`, ended the longer ago the smaller n is.
 */
export async function fillDatabase(url: string, filling: Filling): Promise<void> {
  const { runs, calls = 3, deltas = 20, days = 100 } = filling;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let first = 1; first <= runs; first += 10_000) {
      const last = Math.min(runs, first + 9_999);
      for (const statement of statements({ first, last, runs, calls, deltas, days })) await client.query(statement);
    }
    await client.query('analyze');
  } finally {
    await client.end();
  }
}

interface Portion extends Required<Filling> {
  first: number;
  last: number;
}

/** Each call has `call.started`, its text, `call.completed`; a run its start, its step, and its end. */
function statements({ first, last, runs, calls, deltas, days }: Portion): string[] {
  const perCall = deltas + 2;
  const events = calls * perCall + 4;
  const n = `generate_series(${first}, ${last}) n`;
  const chain = `'00000000-0000-4000-8000-' || lpad(n::text, 12, '0')`;
  const at = `now() - make_interval(secs => ${days * 86_400} * (${runs} - n + 1)::float8 / ${runs})`;
  const key = `encode(sha256((n || '/' || c)::text::bytea), 'hex')`;
  const usage = `jsonb_build_object('inputTokens', 400, 'outputTokens', ${deltas * 4})`;
  const text = `'So much of an answer as one event holds, more or less. '`;
  const reply = `jsonb_build_object('text', repeat(${text}, ${deltas}), 'model', 'openai/gpt-6-sol', 'usage', ${usage},
    'costUsd', 0.001, 'finishReason', 'stop', 'firstTokenMs', 200, 'totalMs', 2000)`;
  return [
    `insert into runs (chain, id, pattern, tenant, status, seq, started_at, ended_at, models, calls, cost_usd)
     select ${chain}, 'filled-' || n, case n % 3 when 0 then 'chain' else 'ask' end, 't' || n % 10,
       case n % 20 when 0 then 'failed' else 'completed' end, ${events}, ${at} - interval '5 s', ${at},
       '{openai/gpt-6-sol}', ${calls}, ${calls} * 0.001 from ${n}`,
    `insert into calls (key, chain, step, model, state, epoch, reply, started_at, ended_at)
     select ${key}, ${chain}, 'answer', 'openai/gpt-6-sol', 'finished', 1, ${reply}, ${at} - interval '4 s', ${at}
     from ${n}, generate_series(1, ${calls}) c`,
    `insert into ledger (key, epoch, chain, tenant, step, model, input_tokens, output_tokens, cost_usd, cached, at)
     select ${key}, 1, ${chain}, 't' || n % 10, 'answer', 'openai/gpt-6-sol', 400, ${deltas * 4}, 0.001, false, ${at}
     from ${n}, generate_series(1, ${calls}) c`,
    `insert into events (chain, seq, at, type, step, call, epoch, key, data)
     select ${chain}, s, ${at}, kind.type, 'answer',
       case when kind.type like 'call.%' then left(${key}, 16) end, case when kind.type like 'call.%' then 1 end,
       case kind.type when 'run.started' then 'run.started' when 'step.started' then 'step.started:answer'
         when 'step.completed' then 'step.completed:answer' end,
       case kind.type when 'call.delta' then jsonb_build_object('text', ${text})
         when 'run.started' then jsonb_build_object('pattern', 'ask')
         when 'call.started' then jsonb_build_object('model', 'openai/gpt-6-sol')
         when 'call.completed' then jsonb_build_object('model', 'openai/gpt-6-sol', 'usage', ${usage}, 'costUsd', 0.001,
           'finishReason', 'stop')
         when 'run.completed' then jsonb_build_object('costUsd', ${calls} * 0.001) else '{}' end
     from ${n}, generate_series(1, ${events}) s,
       lateral (select 1 + (s - 3) / ${perCall} as c, (s - 3) % ${perCall} as place) part,
       lateral (select case when s = 1 then 'run.started' when s = 2 then 'step.started'
         when s = ${events} - 1 then 'step.completed' when s = ${events} then 'run.completed'
         when place = 0 then 'call.started' when place = ${perCall} - 1 then 'call.completed'
         else 'call.delta' end as type) kind`,
  ];
}
