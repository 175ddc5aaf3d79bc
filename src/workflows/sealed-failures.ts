import { DefaultFailureConverter } from '@temporalio/common';

/** Puts a failure's message and stack into a payload, which is encrypted like all others. Its type stays readable. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
