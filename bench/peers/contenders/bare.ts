import type { Bed, Contender } from '../contender.ts';
import { modelAt } from './model.ts';

/** What the calls take without anybody who keeps them: the floor under all figures. */
export async function open({ provider }: Bed): Promise<Contender> {
  const { ask, tokens } = modelAt(provider);
  return {
    async chain(_id, topic) {
      const one = await ask(`${topic} 1`);
      const two = await ask(`${topic} 2 ${one}`);
      return ask(`${topic} 3 ${two}`);
    },
    stream: (_id, prompt) => tokens(prompt),
    close: async () => {},
  };
}
