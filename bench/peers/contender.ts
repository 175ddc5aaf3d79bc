/**
 * One that races: the same three-step chain and the same stream, each written as its own documents do it.
 * It lives in a process of its own, worker and caller in one, with a database of its own.
 */
export interface Contender {
  /** Three model calls, each with the answer before it, each kept once it is finished. @returns the third answer */
  chain(id: string, topic: string): Promise<string>;
  /** One model call whose tokens are kept while they come; yields them as a reader of what is kept gets them. */
  stream(id: string, prompt: string): AsyncIterable<string>;
  /** Goes on with a chain after a crash, where that takes somebody who asks. */
  resume?(id: string): Promise<unknown>;
  close(): Promise<void>;
}

/** What all of them find on this machine. */
export interface Bed {
  /** base URL of what speaks like OpenAI */
  provider: string;
  databaseUrl: string;
  /** the embedded server as Cadenza starts it */
  temporal: string;
  /** `temporal server start-dev --db-filename`, with nothing set */
  temporalAsItComes: string;
  restate: { ingress: string; admin: string };
  /** free, and the same again after a crash: for who must be found by a server */
  port: number;
  /** folder of this project */
  root: string;
}

export type Server = 'postgres' | 'temporal' | 'temporalAsItComes' | 'restate';

export interface Entry {
  name: string;
  /** module of contenders/, which exports `open` */
  file: string;
  variant?: string;
  /** whose processor time and syncs are its own, beside its process */
  servers: Server[];
  /** whose versions are printed */
  packages: string[];
}

const CADENZA = { file: 'cadenza', servers: ['postgres', 'temporal'], packages: [] } satisfies Partial<Entry>;
const TEMPORAL = { file: 'temporal', packages: ['@temporalio/worker', '@temporalio/workflow-streams'] };

/** Who races, in the order of the table. A new lane of Cadenza is one line here. */
export const CONTENDERS: Entry[] = [
  { name: 'bare SDK, nothing kept', file: 'bare', servers: [], packages: ['openai'] },
  { name: 'Cadenza, standard lane', variant: 'standard', ...CADENZA },
  { name: 'Cadenza, fast lane', variant: 'fast', ...CADENZA },
  { name: 'Cadenza, direct lane', variant: 'direct', ...CADENZA },
  { name: 'DBOS', file: 'dbos', servers: ['postgres'], packages: ['@dbos-inc/dbos-sdk'] },
  {
    name: 'Restate',
    file: 'restate',
    servers: ['restate'],
    packages: ['@restatedev/restate-sdk', '@restatedev/restate-server', '@restatedev/pubsub'],
  },
  {
    name: 'LangGraph, PostgreSQL, sync',
    file: 'langgraph',
    servers: ['postgres'],
    packages: ['@langchain/langgraph', '@langchain/langgraph-checkpoint-postgres'],
  },
  { name: 'Temporal, as in its samples', variant: 'samples', servers: ['temporalAsItComes'], ...TEMPORAL },
  { name: 'Temporal, tuned', variant: 'tuned', servers: ['temporal'], ...TEMPORAL },
];
