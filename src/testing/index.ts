/** `cadenza/testing`: what tests of your own workflows run on. */
export { type ReplayOptions, replayHistories } from '../workers/replay-histories.ts';
export type { AskedModel, ScriptedAnswer, ScriptedModel, ScriptedModels } from './scripted-models.ts';
export { type TestCadenza, type TestOptions, type TestRun, testCadenza } from './test-cadenza.ts';
export { startTestPostgres, type TestPostgres } from './test-postgres.ts';
