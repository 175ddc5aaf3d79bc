/** `cadenza/ai-sdk`: the AI SDK in front of Cadenza. It runs in browsers: nothing here needs Node. */
export type { ChatMemory } from './chat-memory.ts';
export { type ChatOptions, type ClientTool, cadenzaChat } from './chat-transport.ts';
export { type GatewayAccess, GatewayError } from './gateway-request.ts';
export { type ClientModelOptions, clientModel } from './language-model.ts';
export type { CadenzaMetadata } from './ui-chunks.ts';
