import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Answer, Message } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storable, storableJson } from './storable-json.ts';

/** A message that is kept already, by its hash, or one that is kept now. `tokens`: estimated. */
type LineMessage = { hash: string } | { message: Message; tokens: number };

export type NewLine = LineMessage & {
  /** names the message for whoever sent it: a transcript has a key only once */
  key?: string;
  /** how the message came to be, where a model wrote it */
  answer?: Omit<Answer, 'text'>;
};

/** Role and size of a line, for choosing what is sent. */
export interface LineSize {
  role: Message['role'];
  tokens: number;
}

/** Conversations, by reference: lists of messages that are only ever added to. */
export interface Transcripts {
  /**
   * Keeps messages outside of any transcript.
   * @param run workflow id whose history refers to them: they are kept as long as it may be needed; else for ever
   * @returns their hashes, in order
   */
  keep(messages: { message: Message; tokens: number }[], run?: string): Promise<string[]>;
  /** Messages by hash, in order. @throws Error naming a hash that is not there */
  messages(hashes: string[]): Promise<Message[]>;
  /**
   * Appends lines to the first `length` ones, all or none. The same lines given again change nothing. Where others follow
   * already (the run was reset, and goes on differently), the first `length` lines become a transcript of their own.
   * @returns the id the lines are under
   */
  append(id: string, length: number, lines: NewLine[]): Promise<string>;
  /** Messages of the lines from `from` up to, not with, `to`. @throws Error if some are not there */
  read(id: string, from: number, to: number): Promise<Message[]>;
  sizes(id: string, from: number, to: number): Promise<LineSize[]>;
  /** The line after the one with the key, if both are among the first `length`: how a message was answered. */
  answerTo(id: string, length: number, key: string): Promise<Answer | undefined>;
}

export function createTranscripts(db: Kysely<Database>, { fields, keyed }: Sealing): Transcripts {
  async function keep(messages: { message: Message; tokens: number }[], run?: string): Promise<string[]> {
    const rows = messages.map(({ message, tokens }) => {
      const plain = { role: message.role, content: message.content };
      const hash = keyed(createHash('sha256').update(storableJson(plain)).digest('hex'));
      return { hash, json: storableJson(fields(plain)), tokens };
    });
    // in the order of their hashes, so that two who keep the same wait for each other in one direction
    const unique = [...new Map(rows.map((row) => [row.hash, row])).values()].sort((a, b) => (a.hash < b.hash ? -1 : 1));
    const hashes = unique.map(({ hash }) => hash);
    if (hashes.length === 0) return [];
    await sql`
      with kept as (
        insert into messages as m (hash, message, tokens)
        select * from unnest(${hashes}::text[], ${unique.map(({ json }) => json)}::jsonb[],
          ${unique.map(({ tokens }) => tokens)}::integer[])
        on conflict (hash) do update set used_at = now() where m.used_at < now() - interval '1 hour'
      )
      insert into run_refs (run, hash) select ${run ?? null}::text, hash from unnest(${hashes}::text[]) as hash
      where ${run ?? null}::text is not null
      on conflict do nothing`.execute(db);
    return rows.map(({ hash }) => hash);
  }

  /** @returns whether the lines are there now */
  async function written(id: string, length: number, lines: NewLine[], hashes: string[]): Promise<boolean> {
    await sql`
      insert into transcripts (id, line, hash, key, answer)
      select ${id}, m.* from unnest(${lines.map((_, index) => length + index)}::integer[], ${hashes}::text[],
        ${lines.map(({ key }) => key ?? null)}::text[],
        ${lines.map(({ answer }) => (answer ? storableJson(fields(answer)) : null))}::jsonb[]) as m
      where not exists (select from transcripts t where t.id = ${id} and t.line >= ${length})
      on conflict do nothing`.execute(db);
    // A statement of its own, which sees what somebody else wrote meanwhile.
    const rows = await db
      .selectFrom('transcripts')
      .select(['line', 'hash', 'key'])
      .where('id', '=', id)
      .where('line', '>=', length)
      .where('line', '<', length + lines.length)
      .orderBy('line')
      .execute();
    return (
      rows.length === lines.length &&
      rows.every(
        ({ line, hash, key }, index) =>
          line === length + index && hash === hashes[index] && key === (lines[index]!.key ?? null),
      )
    );
  }

  async function copied(id: string, length: number, copy: string): Promise<void> {
    await sql`
      insert into transcripts (id, line, hash, key, answer, at)
      select ${copy}, line, hash, key, answer, at from transcripts where id = ${id} and line < ${length}
      on conflict do nothing`.execute(db);
  }

  return {
    keep,
    async messages(hashes) {
      if (hashes.length === 0) return [];
      const rows = await db.selectFrom('messages').select(['hash', 'message']).where('hash', 'in', hashes).execute();
      const byHash = new Map(rows.map(({ hash, message }) => [hash, message]));
      return hashes.map((hash) => byHash.get(hash) ?? missing(`message ${hash}`));
    },
    async append(id, length, given) {
      const lines = given.map((line) => ({ ...line, answer: line.answer && storable(line.answer) }));
      const fresh = await keep(lines.filter((line) => 'message' in line));
      const hashes = lines.map((line) => ('message' in line ? fresh.shift()! : line.hash));
      if (await written(id, length, lines, hashes)) return id;
      // Named by what is different, so that repeating this finds it again.
      const branch = `${id}~${createHash('sha256')
        .update([length, ...hashes, ...lines.map(({ key }) => key)].join('\n'))
        .digest('hex')
        .slice(0, 16)}`;
      await copied(id, length, branch);
      if (await written(branch, length, lines, hashes)) return branch;
      throw new Error(`The transcript ${branch} has other lines than were appended to it.`);
    },
    async read(id, from, to) {
      const rows = await db
        .selectFrom('transcripts')
        .innerJoin('messages', 'messages.hash', 'transcripts.hash')
        .select(['message'])
        .where('id', '=', id)
        .where('line', '>=', from)
        .where('line', '<', to)
        .orderBy('line')
        .execute();
      if (rows.length !== to - from) missing(`whole transcript ${id} from line ${from} to ${to}`);
      return rows.map(({ message }) => message);
    },
    async sizes(id, from, to) {
      const { rows } = await sql<LineSize>`
          select message->>'role' as role, tokens from transcripts join messages using (hash)
          where id = ${id} and line >= ${from} and line < ${to} order by line`.execute(db);
      if (rows.length !== to - from) missing(`whole transcript ${id} from line ${from} to ${to}`);
      return rows;
    },
    async answerTo(id, length, key) {
      const row = await db
        .selectFrom('transcripts as asked')
        .innerJoin('transcripts as answer', (join) =>
          join.onRef('answer.id', '=', 'asked.id').on(sql<boolean>`answer.line = asked.line + 1`),
        )
        .innerJoin('messages', 'messages.hash', 'answer.hash')
        .select(['answer.answer', 'message'])
        .where('asked.id', '=', id)
        .where('asked.key', '=', key)
        .where('answer.line', '<', length)
        .executeTakeFirst();
      if (!row?.answer) return undefined;
      return { text: row.message.content as string, ...row.answer };
    },
  };
}

function missing(what: string): never {
  throw new Error(`There is no ${what} in the store: was the database restored from before it was written?`);
}
