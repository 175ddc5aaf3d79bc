import { z } from 'zod';
import { later } from './later.ts';

/** A payload of Temporal's as protobuf's JSON has it: bytes in base64. What else it holds is not ours to drop. */
export const WirePayload = later(() =>
  z.looseObject({ metadata: z.record(z.string(), z.string()).optional(), data: z.string().optional() }),
);
export type WirePayload = z.infer<typeof WirePayload>;

/** What a codec server is asked, and answers. */
export const WirePayloads = later(() => z.object({ payloads: z.array(WirePayload).max(10_000) }));
export type WirePayloads = z.infer<typeof WirePayloads>;
