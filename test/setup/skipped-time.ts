import path from 'node:path';
import { startSkippingTemporal } from '../../src/testing/test-temporal.ts';

/** A Temporal server of the test's own, whose time passes at once where a run waits: days take no time. */
export const skippedTime = () => startSkippingTemporal({ home: path.resolve('.cadenza') });
