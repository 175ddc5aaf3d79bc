import { z } from 'zod';
import { later } from './later.ts';

/** What the bearer of an API key may do with what is its tenant's. */
export const Role = later(() => z.enum(['admin', 'operator', 'caller', 'approver']));
export type Role = z.infer<typeof Role>;

/** `start` takes in all one does with a run of one's own: steer, stop, fork. `operate`: schedules and collections.
 *  `administer`: keys and budgets. */
export type Permission = 'read' | 'start' | 'approve' | 'operate' | 'administer';

const PERMISSIONS: Record<Role, readonly Permission[]> = {
  admin: ['read', 'start', 'approve', 'operate', 'administer'],
  operator: ['read', 'start', 'approve', 'operate'],
  caller: ['read', 'start'],
  approver: ['read', 'approve'],
};

export function isPermitted(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission);
}

/** Who asks: what an API key says of its bearer. Without a tenant it is everybody's: the operator of this installation. */
export interface Caller {
  role: Role;
  /** name of the key; undefined where none is asked for */
  key?: string;
  tenant?: string;
}
