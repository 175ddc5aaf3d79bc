// Writes src/providers/model-ids.ts: the chat models the installed SDKs' types name, newest first as they stand there.
// Run it after updating an SDK: node scripts/model-ids.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const read = (path) => readFileSync(new URL(`../node_modules/${path}`, import.meta.url), 'utf8');
const version = (name) => JSON.parse(read(`${name}/package.json`)).version;

/** The string literals of `type <name> = ... | (string & {})`. */
function literals(source, name) {
  const [, body] = new RegExp(`type ${name} = ([^;]+);`).exec(source) ?? [];
  if (!body) throw new Error(`The type ${name} is not where it was`);
  return [...body.matchAll(/['"]([^'"]+)['"]/g)].map(([, id]) => id);
}

/** Speech, pictures, music, robots and screens, and models that only search or research. */
const NOT_CHAT = /audio|tts|transcribe|image|realtime|live|vision|computer|robotics|lyria|banana|omni|search|research/;
const shared = read('openai/resources/shared.d.ts');
const unsupported = /"([\w.-]+)": Not a supported model ID/.exec(shared)?.[1];
const chat = (ids) => [...new Set(ids)].filter((id) => !NOT_CHAT.test(id) && id !== unsupported);

const lists = {
  openai: chat([...literals(shared, 'ChatModel'), ...literals(shared, 'AllModels')]),
  anthropic: chat(literals(read('@anthropic-ai/sdk/resources/messages/messages.d.ts'), 'Model')),
  gemini: chat(literals(read('@google/genai/dist/genai.d.ts'), 'Model_2')).reverse(),
};
for (const [name, ids] of Object.entries(lists)) if (ids.length === 0) throw new Error(`No models found for ${name}`);

const sources = ['openai', '@anthropic-ai/sdk', '@google/genai'].map((name) => `${name} ${version(name)}`).join(', ');
const entries = Object.entries(lists).map(
  ([name, ids]) => `  ${name}: [\n${ids.map((id) => `    '${id}',\n`).join('')}  ],\n`,
);
writeFileSync(
  new URL('../src/providers/model-ids.ts', import.meta.url),
  `// Made by scripts/model-ids.mjs from the types of ${sources}. Do not edit.\n` +
    `/** Chat models that the installed SDKs know, newest first. */\n` +
    `export const MODEL_IDS = {\n${entries.join('')}} as const;\n`,
);
