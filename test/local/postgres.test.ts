import { test, expect } from '@jest/globals';
test('env', () => { console.log(process.env.CADENZA_TEST_POSTGRES_URL, process.env.CADENZA_TEST_TEMPORAL_ADDRESS, process.env.CADENZA_TEST_SERVER_PATH); expect(1).toBe(1); });
