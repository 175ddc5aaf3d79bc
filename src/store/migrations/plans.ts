/**
 * Writing lives in the database, so that a whole flush, and a call's beginning, is one round trip and one transaction.
 *
 * Everyone locks in the same order, hence no deadlocks: runs by chain, then what belongs to one run (calls,
 * reservations), then accounts by id. Each statement of a function sees what was committed before the locks were
 * got, which a single statement of many parts would not.
 *
 * The planner settings keep a plan that was made for empty tables from scanning full ones.
 */
export const PLANS = 'set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off';
