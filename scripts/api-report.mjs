/**
 * Writes what each entry of the package exports, with its types, into `api/`: `npm run api`. With --check it only says whether
 * that is still so: a change of the public types is seen where it is reviewed. Reads what `tsc -p tsconfig.build.json` declares.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { inRoot } from './setup/places.mjs';

const DECLARED = inRoot('.cadenza', 'build', 'out');
const REPORTS = inRoot('api');
/** Schemas spelt out at greater length are cut below their fields, and a hash stands for the whole, characters. */
const LONGEST = 800;

const { exports } = JSON.parse(fs.readFileSync(inRoot('package.json'), 'utf8'));
const entries = Object.entries(exports)
  .filter(([, file]) => file.endsWith('.ts'))
  .map(([name, source]) => ({
    name: name.replace('.', 'cadenza'),
    report: `${name.slice(2).replaceAll('/', '-')}.md`,
    file: path.join(DECLARED, source.replace('./src/', '').replace(/\.ts$/, '.d.ts')),
  }));

const modules = new Map();
const published = new Map(entries.map(({ file }) => [file, exportsOf(file)]));
const isPublished = new Set([...published.values()].flatMap((names) => [...names.values()].map(idOf)));
const reports = new Map(entries.map((entry) => [entry.report, reportOf(entry)]));

if (process.argv.includes('--check')) check();
else write();

function write() {
  fs.rmSync(REPORTS, { recursive: true, force: true });
  fs.mkdirSync(REPORTS);
  for (const [file, text] of reports) fs.writeFileSync(path.join(REPORTS, file), text);
}

function check() {
  const there = fs.existsSync(REPORTS) ? fs.readdirSync(REPORTS) : [];
  const changed = [...new Set([...there, ...reports.keys()])].flatMap((file) => {
    const old = there.includes(file) ? fs.readFileSync(path.join(REPORTS, file), 'utf8') : '';
    return old === reports.get(file) ? [] : [`api/${file}\n${firstDifference(old, reports.get(file) ?? '')}`];
  });
  if (changed.length === 0) return;
  process.stderr.write(
    `Public types have changed. See whether that is meant, then: npm run api\n${changed.join('\n')}\n`,
  );
  process.exitCode = 1;
}

function firstDifference(old, now) {
  const [before, after] = [old.split('\n'), now.split('\n')];
  const at = after.findIndex((line, index) => line !== before[index]);
  const place = at === -1 ? after.length : at;
  return `  line ${place + 1}\n  - ${before[place] ?? ''}\n  + ${after[place] ?? ''}`;
}

function reportOf({ name, file }) {
  const names = published.get(file);
  const shown = [...names].sort(([one], [other]) => (one < other ? -1 : 1));
  const public_ = shown.map(([exported, symbol]) => declarationOf(symbol, exported));
  const used = usedBy([...names.values()]).map((symbol) => declarationOf(symbol, symbol.name));
  const rest = used.length === 0 ? [] : ['', 'Used by these, and not exported:', '', '```ts', used.join('\n\n'), '```'];
  return [`# ${name}`, '', 'Made by `npm run api`.', '', '```ts', public_.join('\n\n'), '```', ...rest, ''].join('\n');
}

/** What these name and no entry exports, and what that names, in order of name. */
function usedBy(symbols) {
  const found = new Map();
  const waiting = [...symbols];
  for (let symbol = waiting.pop(); symbol; symbol = waiting.pop()) {
    const { statements, imports } = read(symbol.file);
    const text = shorten((statements.get(symbol.name) ?? []).join('\n'));
    for (const [word] of text.matchAll(/\b[A-Z]\w*/g)) {
      const target = statements.has(word) ? { file: symbol.file, name: word } : imports.get(word);
      const used = target && resolved(target);
      if (!used || isPublished.has(idOf(used)) || found.has(idOf(used))) continue;
      found.set(idOf(used), used);
      waiting.push(used);
    }
  }
  return [...found.values()].sort((one, other) => (one.name + one.file < other.name + other.file ? -1 : 1));
}

function declarationOf({ file, name }, exported) {
  const text = shorten((read(file).statements.get(name) ?? [`${name}: not found`]).join('\n'));
  return exported === name ? text : `// as ${exported}\n${text}`;
}

/** @returns by exported name, where it is declared */
function exportsOf(file) {
  const { statements, exported, stars } = read(file);
  const names = new Map();
  for (const [name, target] of exported) names.set(name, resolved(target));
  for (const star of stars) for (const [name, symbol] of exportsOf(star)) names.set(name, symbol);
  for (const [name, texts] of statements) if (texts[0].startsWith('export ')) names.set(name, { file, name });
  return names;
}

/** Follows names that are passed on. */
function resolved({ file, name }) {
  if (!fs.existsSync(file)) return undefined;
  return exportsOf(file).get(name) ?? (read(file).statements.has(name) ? { file, name } : undefined);
}

function idOf({ file, name }) {
  return `${file}#${name}`;
}

/** The statements of a module, as tsc prints them: each begins where nothing stands before it. */
function read(file) {
  if (modules.has(file)) return modules.get(file);
  const module = { statements: new Map(), exported: new Map(), stars: [], imports: new Map() };
  modules.set(file, module);
  const target = (from) => path.join(path.dirname(file), from).replace(/\.tsx?$/, '.d.ts');
  const code = fs.readFileSync(file, 'utf8').replace(/^[ \t]*\/\*\*[\s\S]*?\*\/\n/gm, '');
  for (const text of code.split(/\n(?=[a-z])/)) {
    const passed = /^(import|export) (?:type )?\{(.*)\} from '(\..*)';/s.exec(text);
    const star = /^export \* from '(\..*)';/.exec(text);
    const declared = /^(?:export )?(?:declare )?(?:abstract )?(?:function|const|class|interface|type) (\w+)/.exec(text);
    if (passed) {
      for (const [, name, as = name] of passed[2].matchAll(/(?:type )?(\w+)(?: as (\w+))?/g)) {
        module[passed[1] === 'import' ? 'imports' : 'exported'].set(as, { file: target(passed[3]), name });
      }
    } else if (star) module.stars.push(target(star[1]));
    else if (declared) module.statements.set(declared[1], [...(module.statements.get(declared[1]) ?? []), text.trim()]);
  }
  return module;
}

function shorten(text) {
  if (text.length <= LONGEST || !text.includes('z.Zod')) return text;
  let depth = 0;
  let short = '';
  for (const character of text) {
    if (character === '}') depth -= 1;
    if (depth < 2) short += character;
    if (character === '{') {
      depth += 1;
      if (depth === 2) short += '…';
    }
  }
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return `${short.slice(0, 3 * LONGEST)}${short.length > 3 * LONGEST ? '…' : ''} // ${hash}`;
}
