import type { Store } from '../store/index.ts';
import { refusal } from './errors.ts';

/**
 * What begins with a tenant's name is the tenant's (see `ownName`): made for anybody else, it would take the tenant an id or a
 * name, and whatever goes on from it would be outside of its wall. An operator may name things `order:42` all the same.
 * @param tenant whose it is to be @throws CadenzaError InvalidRequest
 */
export async function assertOwnName(
  { keys }: Pick<Store, 'keys'>,
  name: string | undefined,
  tenant: string | undefined,
  path: 'id' | 'name',
): Promise<void> {
  if (name === undefined || (tenant !== undefined && name.startsWith(`${tenant}:`))) return;
  const [, other] = /^([^:]+):/.exec(name) ?? [];
  if (other === undefined || !(await keys.hasTenant(other))) return;
  const whose = tenant === undefined ? 'nobody’s' : `that of the tenant ${tenant}`;
  throw refusal('InvalidRequest', `${path}: "${name}" is the tenant ${other}'s, and this is to be ${whose}`, {
    hint: `Give tenant: "${other}" too, or choose another ${path}`,
    path,
  });
}
