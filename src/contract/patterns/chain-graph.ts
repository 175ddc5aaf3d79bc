import { conditionText } from './chain-condition.ts';
import type { ChainDefinition, ChainStep } from './chain-definition.ts';
import { kindOf } from './chain-form.ts';
import { isReference, parseTemplate, textsIn } from './template.ts';

/** A place the next step begins from, and what is written on the way there. */
interface End {
  node: string;
  label?: string;
}

interface Drawing {
  boxes: string[];
  /** after all boxes: a box named inside a group would be drawn in it */
  lines: string[];
  /** nodes so far: the next one is called `n<count>` */
  count: number;
  /** the nodes of steps, by their ids */
  nodes: Map<string, string>;
  /** arrows drawn, as `from>to` */
  arrows: Set<string>;
}

/**
 * A chain as a Mermaid flowchart: arrows are the order, dotted ones a step's use of an earlier one that does not come
 * right before it.
 * @param definition a valid chain
 */
export function chainGraph(definition: ChainDefinition): string {
  const drawing: Drawing = { boxes: [], lines: [], count: 0, nodes: new Map(), arrows: new Set() };
  const begin = node(drawing, '([', 'input', '])');
  const ends = drawSequence(drawing, definition.steps, [{ node: begin }]);
  const output = node(drawing, '([', 'output', '])');
  connect(drawing, ends, output);
  drawUses(drawing, definition.steps);
  drawUse(drawing, definition.output, output);
  return `${['flowchart TD', ...drawing.boxes, ...drawing.lines].join('\n')}\n`;
}

function drawSequence(drawing: Drawing, steps: ChainStep[], from: End[]): End[] {
  return steps.reduce((ends, step) => drawStep(drawing, step, ends), from);
}

function drawStep(drawing: Drawing, step: ChainStep, from: End[]): End[] {
  if (!step.when) return drawLoop(drawing, step, from);
  const decision = node(drawing, '{', conditionText(step.when), '}');
  connect(drawing, from, decision);
  return [...drawLoop(drawing, step, [{ node: decision, label: 'yes' }]), { node: decision, label: 'no' }];
}

function drawLoop(drawing: Drawing, step: ChainStep, from: End[]): End[] {
  if (!step.repeat) return drawBody(drawing, step, from);
  const { until, max } = step.repeat;
  const round = node(drawing, '((', 'round', '))');
  connect(drawing, from, round);
  const ends = drawBody(drawing, step, [{ node: round }]);
  const again = node(drawing, '{', `${until ? `${conditionText(until)}, or ` : ''}${max} rounds`, '}');
  connect(drawing, ends, again);
  connect(drawing, [{ node: again, label: 'no' }], round);
  return [{ node: again, label: 'yes' }];
}

function drawBody(drawing: Drawing, step: ChainStep, from: End[]): End[] {
  if (step.steps) return drawSequence(drawing, step.steps, from);
  if (step.parallel) {
    drawing.boxes.push(`  subgraph g${drawing.count}["${escaped(step.id ?? 'at once')}"]`);
    const ends = step.parallel.flatMap((member) => drawStep(drawing, member, from));
    drawing.boxes.push('  end');
    return ends;
  }
  const isRun = kindOf(step) === 'pattern';
  const words = [step.id!, isRun && `run of ${step.pattern}`, step.forEach && `for each of ${bare(step.forEach)}`];
  const label = words.filter((word) => word).join('\n');
  const drawn = isRun ? node(drawing, '[[', label, ']]') : node(drawing, '[', label, ']');
  drawing.nodes.set(step.id!, drawn);
  connect(drawing, from, drawn);
  return [{ node: drawn }];
}

function drawUses(drawing: Drawing, steps: ChainStep[]): void {
  for (const { id, parallel, steps: inner, ...step } of steps) {
    if (id !== undefined && !parallel && !inner) {
      drawUse(drawing, [step.prompt, step.system, step.input, step.forEach], drawing.nodes.get(id)!);
    }
    drawUses(drawing, [...(parallel ?? []), ...(inner ?? [])]);
  }
}

function drawUse(drawing: Drawing, value: unknown, user: string): void {
  for (const [, text] of textsIn(value)) {
    const parsed = parseTemplate(text);
    for (const { path } of 'parts' in parsed ? parsed.parts.filter(isReference) : []) {
      const used = path[0] === 'steps' ? drawing.nodes.get(path[1]!) : undefined;
      if (used !== undefined && !drawing.arrows.has(`${used}>${user}`)) {
        drawing.arrows.add(`${used}>${user}`);
        drawing.lines.push(`  ${used} -.-> ${user}`);
      }
    }
  }
}

function node(drawing: Drawing, open: string, label: string, close: string): string {
  const name = `n${drawing.count}`;
  drawing.count += 1;
  drawing.boxes.push(`  ${name}${open}"${escaped(label)}"${close}`);
  return name;
}

function connect(drawing: Drawing, ends: End[], to: string): void {
  for (const { node: from, label } of ends) {
    drawing.arrows.add(`${from}>${to}`);
    drawing.lines.push(`  ${from} -->${label ? `|${label}|` : ''} ${to}`);
  }
}

function bare(template: string): string {
  return template.replaceAll(/[{}]/g, '').trim();
}

/** Mermaid's own way of writing what would end or format a label. */
function escaped(label: string): string {
  return label
    .replaceAll('#', '#35;')
    .replaceAll('"', '#quot;')
    .replaceAll('<', '#lt;')
    .replaceAll('>', '#gt;')
    .replaceAll('\n', '<br/>');
}
