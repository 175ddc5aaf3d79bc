import { Annotation, END, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import type { Bed, Contender } from '../contender.ts';
import { modelAt } from './model.ts';

const Chain = Annotation.Root({
  topic: Annotation<string>,
  one: Annotation<string>,
  two: Annotation<string>,
  three: Annotation<string>,
});
const Question = Annotation.Root({ prompt: Annotation<string>, text: Annotation<string> });

/** A graph of three nodes, each checkpoint in PostgreSQL before the next node. Its stream is not kept anywhere. */
export async function open(bed: Bed): Promise<Contender> {
  const { ask, tokens } = modelAt(bed.provider);
  const checkpointer = PostgresSaver.fromConnString(bed.databaseUrl);
  await checkpointer.setup();

  const chain = new StateGraph(Chain)
    .addNode('first', async ({ topic }) => ({ one: await ask(`${topic} 1`) }))
    .addNode('second', async ({ topic, one }) => ({ two: await ask(`${topic} 2 ${one}`) }))
    .addNode('third', async ({ topic, two }) => ({ three: await ask(`${topic} 3 ${two}`) }))
    .addEdge(START, 'first')
    .addEdge('first', 'second')
    .addEdge('second', 'third')
    .addEdge('third', END)
    .compile({ checkpointer });
  const stream = new StateGraph(Question)
    .addNode('answer', async ({ prompt }, { writer }: LangGraphRunnableConfig) => {
      let text = '';
      for await (const token of tokens(prompt)) {
        writer?.(token);
        text += token;
      }
      return { text };
    })
    .addEdge(START, 'answer')
    .addEdge('answer', END)
    .compile({ checkpointer });

  const thread = (id: string) => ({ configurable: { thread_id: id }, durability: 'sync' as const });
  return {
    async chain(id, topic) {
      return (await chain.invoke({ topic }, thread(id))).three;
    },
    async *stream(id, prompt) {
      yield* await stream.stream({ prompt }, { ...thread(id), streamMode: 'custom' });
    },
    resume: (id) => chain.invoke(null, thread(id)),
    close: () => checkpointer.end(),
  };
}
