import { LLMock } from '@copilotkit/aimock';

/** The provider all contenders ask, in a process of its own: answers at once, in few pieces. */
const mock = new LLMock({ port: 0, journalMaxEntries: 1 });
mock.on({ predicate: () => true }, { content: 'Rivers bend because they can.' }, { chunkSize: 10 });
process.send?.({ url: await mock.start() });
process.on('disconnect', () => process.exit(0));
