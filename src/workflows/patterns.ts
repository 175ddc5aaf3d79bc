/** The workflow types of Cadenza's own worker: a pattern's name is its workflow type; `webhook` tells of a run's end,
 *  `map-rows` is a part of a map. */
export { agent } from './agent.ts';
export { answer } from './answer.ts';
export { ask } from './ask.ts';
export { bestOf as 'best-of' } from './best-of.ts';
export { chain } from './chain.ts';
export { compare } from './compare.ts';
export { conversation } from './conversation.ts';
export { council } from './council.ts';
export { crew } from './crew.ts';
export { debate } from './debate.ts';
export { embed } from './embed.ts';
export { ingest } from './ingest.ts';
export { mapRows as 'map-rows' } from './map/map-rows.ts';
export { map } from './map.ts';
export { plan } from './plan.ts';
export { webhook } from './webhook.ts';
