/**
 * Makes the pictures of docs/images: `node test/browser/screenshots.ts`. The page is the real one, before a real worker; what
 * the models say is written below.
 */
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import startServers from '../setup/start-servers.ts';
import stopServers from '../setup/stop-servers.ts';
import { pageBed, type Said } from './page-bed.ts';
import { runPictures, saidInRuns } from './screenshots-of-runs.ts';

const IMAGES = path.resolve(import.meta.dirname, '../../docs/images');

const ANSWERS: Record<string, string> = {
  alto: `Rivers bend because **a straight flow is not stable**. Any small bump sends the fastest water to one bank; from there on the bend feeds itself.

1. Water on the outside of a curve runs faster and *cuts* the bank.
2. On the inside it slows down and *drops* its sand: a point bar.
3. The curve grows, until the river cuts through its neck and leaves an oxbow lake.

| where | water | what happens |
|---|---|---|
| outer bank | fast | erosion |
| inner bank | slow | deposition |

A bend is typically 10 to 14 river widths long (Leopold and Wolman, 1960).`,
  tenor: `Think of it as a feedback loop:

\`\`\`text
small bend → faster outside → more erosion
     ↑                             ↓
bigger bend ← sand inside ← slower inside
\`\`\`

The water also turns like a corkscrew: at the surface it moves outwards, along the bed inwards, and carries sand to the inner bank. Einstein explained it in 1926 with the leaves in a cup of tea.`,
  bass: `In short: **erosion outside, deposition inside.**

- Flat land and soft banks let a river wander.
- Steep valleys and hard rock keep it straight.
- Plants hold banks together, and make bends narrower.

So meanders are not a river's way around obstacles. They are what moving water does to loose ground.`,
};

const MARKS: [begins: string, mark: { reason: string; score: number }][] = [
  ['Rivers', { reason: 'Names the mechanism, its course and a number with its source', score: 0.91 }],
  ['Think', { reason: 'A clear picture, but little on why it begins', score: 0.78 }],
  ['In short', { reason: 'Right and short', score: 0.7 }],
];

/** What the judge says, who sees the answers as A, B and C. */
function verdictOn(question: string): string {
  const marks = MARKS.map(([begins, mark]) => [new RegExp(`Answer (\\w):\\n${begins}`).exec(question)![1], mark]);
  const reason = 'It says how a bend begins, how it grows and how it ends, and gives a figure one can look up.';
  return JSON.stringify({ answers: Object.fromEntries(marks), reason });
}

function answer(model: string, question: string, isAfterTool: boolean): Said {
  const inRun = saidInRuns(model, question, isAfterTool);
  if (inRun) return inRun;
  if (question.includes('Answer A:')) return { words: [verdictOn(question)] };
  if (question.includes('bathtub') && !isAfterTool) {
    return { words: [], tool: { name: 'calculator', arguments: { expression: '2200 * 60 / 0.15' } } };
  }
  const text = question.includes('bathtub')
    ? 'At 2,200 m³/s the Rhine at its mouth fills **880,000 bathtubs a minute**, of 150 litres each.'
    : ANSWERS[model]!;
  return { words: text.split(/(?<= )/), paceMs: model === 'alto' ? 22 : model === 'tenor' ? 34 : 28 };
}

/** Letters as most people's systems have them: the browser of the tests brings Open Sans, and is not told of it. */
async function preferFonts(): Promise<void> {
  const file = path.join(os.tmpdir(), 'cadenza-fonts.conf');
  const prefer = (family: string, font: string) =>
    `<alias binding="strong"><family>${family}</family><prefer><family>${font}</family></prefer></alias>`;
  const lines = ['/usr/share/fonts', path.join(os.tmpdir(), 'fonts')].map((folder) => `<dir>${folder}</dir>`);
  const aliases = ['system-ui', 'sans-serif', 'DejaVu Sans'].map((family) => prefer(family, 'Open Sans'));
  await writeFile(file, `<fontconfig>${[...lines, ...aliases].join('')}</fontconfig>`);
  process.env.FONTCONFIG_FILE = file;
}

await preferFonts();
await startServers();
const bed = await pageBed(answer, 'gallery');
const DESK = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
const wanted = process.argv[2] ?? '';

async function picture(
  name: string,
  at: string,
  options: Parameters<Browser['newContext']>[0],
  act?: (page: Page) => Promise<void>,
  ready = '.facts dd, .recent a',
) {
  if (!name.startsWith(wanted)) return;
  const page = await bed.open(at, options);
  await page.locator(ready).first().waitFor();
  await act?.(page);
  await page.screenshot({ path: path.join(IMAGES, `${name}.png`) });
  await page.context().close();
  console.log(name);
}

async function started(pattern: string, input: object, title: string): Promise<string> {
  const run = await bed.cadenza.startUnchecked(pattern, input, { metadata: { title, chat: true } });
  return run.id;
}

try {
  const models = ['demo/alto', 'demo/tenor', 'demo/bass'];
  const prompt = 'Why do rivers bend? Explain it to somebody who likes to look at maps.';
  const judged = await started('compare', { prompt, models, judge: 'demo/bass' }, prompt);
  await bed.cadenza.result(judged);
  const policy = { candidates: [models[0]], cache: false };
  const live = () => started('compare', { prompt, models, policy }, prompt);
  const compare = `/compare/${judged}`;
  await picture('compare-dark', compare, { ...DESK, colorScheme: 'dark' });
  await picture('compare-phone', compare, { ...PHONE, colorScheme: 'light' });
  await picture('compare-light', `/compare/${await live()}`, { ...DESK, colorScheme: 'light' }, async (page) => {
    await page.locator('.column-body td').last().waitFor();
  });

  const talk = await started('conversation', {}, 'Why do rivers bend?');
  await bed.cadenza.send(talk, 'Why do rivers bend?');
  const task = 'How many bathtubs a minute does the Rhine fill, where it reaches the sea?';
  const agent = await started('agent', { task, tools: ['calculator'] }, task);
  await bed.cadenza.result(agent);
  const opened = async (page: Page) => {
    await page.locator('.tool-use summary').click();
  };
  await picture('chat-light', `/chat/${agent}`, { ...DESK, colorScheme: 'light' }, opened);
  await picture('chat-dark', `/chat/${talk}`, { ...DESK, colorScheme: 'dark' });
  await picture('chat-phone', `/chat/${agent}`, { ...PHONE, colorScheme: 'dark' }, opened);
  await runPictures(bed, (name, at, phone, colorScheme, ready, act) =>
    picture(name, at, { ...(phone ? PHONE : DESK), colorScheme }, act, ready),
  );
} finally {
  await bed.close();
  await stopServers();
}
