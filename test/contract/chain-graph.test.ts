import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ChainDefinition, chainGraph, PATTERNS } from '../../src/contract/index.ts';

const file = new URL('../../examples/chain/article.json', import.meta.url);

const GRAPH = `flowchart TD
  n0(["input"])
  n1["outline"]
  n2["section<br/>for each of steps.outline.object.sections"]
  n3(("round"))
  n4["edit"]
  n5["review"]
  n6{"steps.review.object.good is true, or 3 rounds"}
  n7{"input.audience is children"}
  n8["simplify"]
  subgraph g9["at once"]
  n9["teaser"]
  n10["translation<br/>for each of input.languages"]
  end
  n11[["titles<br/>run of compare"]]
  n12(["output"])
  n0 --> n1
  n1 --> n2
  n2 --> n3
  n3 --> n4
  n4 --> n5
  n5 --> n6
  n6 -->|no| n3
  n6 -->|yes| n7
  n7 -->|yes| n8
  n8 --> n9
  n7 -->|no| n9
  n8 --> n10
  n7 -->|no| n10
  n9 --> n11
  n10 --> n11
  n11 --> n12
  n2 -.-> n4
  n4 -.-> n8
  n4 -.-> n9
  n4 -.-> n10
  n4 -.-> n11
  n9 -.-> n12
  n8 -.-> n12
  n10 -.-> n12
`;

test('the example is a valid chain, and its graph shows order, decisions, loops, groups and uses', () => {
  const definition = PATTERNS.chain.input.parse(JSON.parse(readFileSync(file, 'utf8')));
  expect(chainGraph(definition)).toBe(GRAPH);
});

test('what stands in a label cannot break the graph', () => {
  const evil = '"]; click n0 "javascript:alert(1)" <b>\n#';
  const graph = chainGraph(
    ChainDefinition.parse({ steps: [{ id: 'a', prompt: 'x', when: { value: evil, equals: `\n${evil}` } }] }),
  );
  const label = graph.split('\n').find((line) => line.includes('click'))!;
  expect(label.match(/"/g)).toHaveLength(2);
  expect(label).not.toMatch(/<b>|#(?!quot;|lt;|gt;|35;)/);
});
