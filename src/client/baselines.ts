import { Baseline, BaselineName } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { checked, refusal } from './errors.ts';

/** Results of evaluations that later ones are held against, by their names. */
export interface Baselines {
  /** Keeps one under a name, instead of what had the name. */
  save(name: string, baseline: Baseline): Promise<void>;
  /** @throws CadenzaError NotFound, naming those there are */
  find(name: string): Promise<Baseline>;
  /** Newest first. */
  list(): Promise<{ name: string; evaluation: string; savedAt: string }[]>;
  /** @throws CadenzaError NotFound */
  remove(name: string): Promise<void>;
}

/** @param tenant whose they are; left out, nobody's */
export function createBaselines({ baselines }: Pick<Store, 'baselines'>, tenant?: string): Baselines {
  async function unknown(name: string) {
    const names = (await baselines.list(tenant)).map((kept) => kept.name);
    const hint = `Keep one with: cadenza eval <file> --save-baseline ${name}`;
    const known = names.length === 0 ? 'There is none yet' : `Known: ${names.join(', ')}`;
    return refusal('NotFound', `There is no baseline "${name}". ${known}`, { hint, path: 'baseline' });
  }

  return {
    save: async (name, baseline) =>
      baselines.save(checked(BaselineName, name, 'baseline'), checked(Baseline, baseline, 'baseline'), tenant),
    async find(name) {
      const found = await baselines.find(name, tenant);
      if (found) return found;
      throw await unknown(name);
    },
    list: () => baselines.list(tenant),
    async remove(name) {
      if (!(await baselines.remove(name, tenant))) throw await unknown(name);
    },
  };
}
