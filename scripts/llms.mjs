/**
 * Writes `llms.txt` (https://llmstxt.org): the docs as a list for people's coding assistants, each page with its first
 * sentence. `npm run llms`; with --check it only says whether that is still so.
 */
import fs from 'node:fs';
import path from 'node:path';
import { inRoot } from './setup/places.mjs';

const FILE = inRoot('llms.txt');
const FIRST = ['AGENTS.md', 'README.md', 'docs/testing.md', 'docs/policies.md', 'docs/cli.md', 'docs/http.md'];
const LAST = ['docs/architecture.md', 'docs/benchmarks.md', 'CHANGELOG.md'];
const SECTIONS = [
  ['Begin here', FIRST],
  ['Patterns: workflows that run from JSON', pagesIn('docs/patterns')],
  ['Steps: what your own workflows are made of', pagesIn('docs/steps')],
  ['Topics', pagesIn('docs').filter((page) => ![...FIRST, ...LAST].includes(page))],
  ['Optional', [...LAST, ...pagesIn('docs/decisions')]],
];

const text = llms();
if (!process.argv.includes('--check')) fs.writeFileSync(FILE, text);
else if (!fs.existsSync(FILE) || fs.readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('llms.txt does not say what the docs say. Mend it with: npm run llms\n');
  process.exitCode = 1;
}

function llms() {
  const { description } = JSON.parse(fs.readFileSync(inRoot('package.json'), 'utf8'));
  const sections = SECTIONS.map(([title, pages]) => `## ${title}\n\n${pages.map(line).join('\n')}\n`);
  const exports =
    'Types of every entry of the package, as one text each, are in `api/`; runnable programs are in `examples/`.';
  return `# Cadenza\n\n> ${description}.\n\n${exports}\n\n${sections.join('\n')}`;
}

function line(page) {
  const [, title, rest = ''] = /^# (.*)\n([\s\S]*)/.exec(fs.readFileSync(inRoot(page), 'utf8')) ?? [];
  if (title === undefined) throw new Error(`${page} does not begin with its title: # ...`);
  const sentence = page.startsWith('docs/decisions/') ? '' : firstSentence(rest);
  return `- [${title}](${page})${sentence && `: ${sentence}`}`;
}

/** Of the first paragraph that is text. */
function firstSentence(markdown) {
  const paragraph = markdown
    .split(/\n\s*\n/)
    .map((part) => part.trim())
    .find((part) => part !== '' && !/^(#|!\[|```|\||- |<)/.test(part));
  const words = (paragraph ?? '')
    .replace(/\s+/g, ' ')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('**', '');
  return (/^.*?\.(?= |$)/.exec(words)?.[0] ?? words).replace(/:$/, '.');
}

function pagesIn(folder) {
  return fs
    .readdirSync(inRoot(folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => path.posix.join(folder, name));
}
