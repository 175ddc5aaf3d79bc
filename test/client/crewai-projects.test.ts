import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readCrewProject } from '../../src/client/index.ts';
import { CrewInput, invalidRequest } from '../../src/contract/index.ts';

const PROJECTS = path.join(import.meta.dirname, 'crewai-projects');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-crew-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function read(agents: string, tasks: string) {
  writeFileSync(path.join(folder, 'agents.yaml'), agents);
  writeFileSync(path.join(folder, 'tasks.yml'), tasks);
  return readCrewProject(folder);
}

const WRITER = 'writer: { role: Writer, goal: Write }\n';

test.each([
  ['report', { topic: 'AI', current_year: '2027' }, ['research_task', 'reporting_task'], {}],
  ['content', { topic: 'AI' }, ['planning_task', 'writing_task', 'editing_task'], { editing_task: 'output/post.md' }],
])('the project %s is a crew as it is, in both processes', (name, inputs, tasks, outputFiles) => {
  const project = readCrewProject(path.join(PROJECTS, name));
  expect(project.leftOut).toEqual([]);
  expect(project.outputFiles).toEqual(outputFiles);
  expect(Object.keys(project.crew.tasks)).toEqual(tasks);
  for (const process of [undefined, 'hierarchical'])
    expect(CrewInput.safeParse({ ...project.crew, inputs, process }).error).toBeUndefined();
  const { error } = CrewInput.safeParse({ ...project.crew, inputs: {} });
  expect(invalidRequest(error!).message).toMatch(/^input\.inputs\.topic: There is no value for \{topic\} in agents\./);
});

test('what CrewAI says in other words is understood', () => {
  const { crew, leftOut } = read(
    `
analyst:
  role: Analyst
  goal: Analyse
  backstory: >
    Long ago
  llm: gpt-4o-mini
  tools: calculator
  max_iter: 7
  max_execution_time: 90
  allow_delegation: true
writer:
  role: Writer
  goal: Write
  backstory:
  llm: { model: claude-sonnet-5-5, temperature: 0.2, max_tokens: 900, base_url: http://localhost }
`,
    `
look:
  description: Look
  expected_output: ""
  agent: analyst
  async_execution: true
  tools: [calculator, web_search]
tell:
  description: Tell
  expected_output: A text
  agent: writer
  context: look
  human_input: true
  guardrail: no jargon
  guardrail_max_retries: 1
  markdown: true
`,
  );
  expect(crew.agents).toEqual({
    analyst: {
      ...{
        role: 'Analyst',
        goal: 'Analyse',
        backstory: 'Long ago\n',
        llm: 'openai/gpt-4o-mini',
        tools: ['calculator'],
      },
      ...{ max_iter: 7, allow_delegation: true, limits: { time: 90_000 } },
    },
    writer: {
      ...{ role: 'Writer', goal: 'Write' },
      llm: { candidates: ['anthropic/claude-sonnet-5-5'], temperature: 0.2, maxOutputTokens: 900 },
    },
  });
  expect(crew.tasks).toEqual({
    look: { description: 'Look', agent: 'analyst', async_execution: true, tools: ['calculator', 'web_search'] },
    tell: {
      ...{ description: 'Tell', expected_output: 'A text', agent: 'writer', context: ['look'], human_input: true },
      ...{ guardrail: 'no jargon', guardrail_max_retries: 1, markdown: true },
    },
  });
  expect(leftOut).toEqual([{ file: 'agents', field: 'llm.base_url', of: ['writer'] }]);
  expect(CrewInput.safeParse(crew).error).toBeUndefined();
});

test('what has no meaning here is named, with who has it', () => {
  const { crew, leftOut } = read(
    'writer: { role: Writer, goal: Write, verbose: true, memory: false }\neditor: { role: Editor, goal: Edit, verbose: true }\n',
    'tell: { description: Tell, agent: writer, output_pydantic: Report, descripton: Tel }\n',
  );
  expect(leftOut).toEqual([
    { file: 'agents', field: 'verbose', of: ['writer', 'editor'] },
    { file: 'agents', field: 'memory', of: ['writer'] },
    { file: 'tasks', field: 'output_pydantic', of: ['tell'] },
    { file: 'tasks', field: 'descripton', of: ['tell'] },
  ]);
  expect(CrewInput.safeParse(crew).error).toBeUndefined();
});

test.each([
  ['a name twice', WRITER + WRITER, 'a: { description: x }', /agents\.yaml: Map keys must be unique at line 2/],
  ['what is no YAML', WRITER, 'a: { description: x', /tasks\.yml: .* at line 1, column 20/],
  ['a list', '- role: Writer', 'a: { description: x }', /holds no agents by their names/],
  ['a task that is a text', WRITER, 'a: x', /"a" is not an object/],
])('%s is one error', (_, agents, tasks, message) => {
  expect(() => read(agents, tasks)).toThrow(message);
});

test('a folder without the files says where they were looked for', () => {
  expect(() => readCrewProject(folder)).toThrow('There is no agents.yaml');
  writeFileSync(path.join(folder, 'agents.yaml'), WRITER);
  expect(() => readCrewProject(folder)).toThrow('There is no tasks.yaml');
});
