import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { defaultPayloadConverter } from '@temporalio/common';
import { sql } from 'kysely';
import { blobStorageDriver } from '../../src/runtime/data-converter.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

test('a megabyte comes back as it was, in the order asked, and equal bytes are kept once', async () => {
  const { blobs, db } = fresh.store;
  const [large, small] = [randomBytes(1_000_000), Buffer.from('small')];
  const hashes = await blobs.put([large, small, large]);
  expect(hashes[0]).toBe(hashes[2]);
  await Promise.all(Array.from({ length: 10 }, () => blobs.put([small, large])));
  const [second, first] = await blobs.get([hashes[1]!, hashes[0]!]);
  expect(Buffer.compare(first!, large)).toBe(0);
  expect(Buffer.compare(second!, small)).toBe(0);
  expect(await db.selectFrom('blobs').select('hash').execute()).toHaveLength(2);
  await expect(blobs.get([hashes[0]!, 'f'.repeat(64)])).rejects.toThrow(`No blob ${'f'.repeat(64)}`);
});

test("Temporal's large payloads are kept whole, with their metadata, and a damaged one is refused", async () => {
  const driver = blobStorageDriver(fresh.store.blobs);
  const value = { text: 'x'.repeat(500_000), nested: [1, 2, 3] };
  const payloads = [defaultPayloadConverter.toPayload(value), defaultPayloadConverter.toPayload('other')];
  const claims = await driver.store({}, payloads);
  expect(JSON.stringify(claims).length).toBeLessThan(300);
  const back = await driver.retrieve({}, claims.toReversed());
  expect(back.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual(['other', value]);
  await sql`update blobs set bytes = bytes || 'x' where hash = ${claims[0]!.claimData.sha256!}`.execute(fresh.store.db);
  await expect(driver.retrieve({}, [claims[0]!])).rejects.toThrow('is damaged');
});
