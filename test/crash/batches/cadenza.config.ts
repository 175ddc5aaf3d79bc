import { defineCadenza } from '../../../src/config/index.ts';

/** Batches that are made, and taken for lost, in seconds instead of minutes. */
export default defineCadenza({ batches: { gather: '2 s', settle: '4 s' } });
