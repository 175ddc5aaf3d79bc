/** An OpenAI client of Cadenza: only the base URL is another one. */
import OpenAI from 'openai';

const url = process.env.CADENZA_URL ?? 'http://localhost:4100';
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: process.env.CADENZA_API_KEY ?? 'none' });

// A policy's name is a model: the next candidate answers where the first cannot.
const stream = await client.chat.completions.create({
  model: 'fast,strong',
  messages: [{ role: 'user', content: 'Why do rivers bend?' }],
  stream: true,
  stream_options: { include_usage: true },
});
for await (const { choices, usage } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? '');
  if (usage) process.stdout.write(`\n${usage.total_tokens} tokens\n`);
}

const { choices } = await client.chat.completions.create({
  model: 'fast',
  messages: [{ role: 'user', content: 'What is the weather in Bergen?' }],
  tools: [
    {
      type: 'function',
      function: {
        name: 'get_weather',
        parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      },
    },
  ],
  tool_choice: 'required',
});
console.log(
  'calls',
  JSON.stringify(choices[0]?.message.tool_calls?.map((call) => call.type === 'function' && call.function)),
);

// A response is a run: it goes on without this process, and is found again by its id.
const { id } = await client.responses.create({
  model: 'fast',
  input: 'Name a town by a river.',
  text: {
    format: {
      type: 'json_schema',
      name: 'town',
      schema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
    },
  },
  background: true,
});
for (;;) {
  const response = await client.responses.retrieve(id);
  if (response.status !== 'queued' && response.status !== 'in_progress') {
    console.log(response.status, response.output_text);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
