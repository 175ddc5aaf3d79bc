import type { EvaluatedRow, EvaluationReport } from '../../contract/index.ts';
import { answerOf, comparisonLines, failingLines, itemOf, reportCells, reportTitle } from './evaluation-report.ts';

/** An evaluation in the files that CI systems show. */

/** As Markdown: for `$GITHUB_STEP_SUMMARY`, or a comment on a pull request. */
export function markdownOf(report: EvaluationReport): string {
  const { heads, rows } = reportCells(report);
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const list = (lines: string[]) => lines.map((text) => `- ${escaped(text)}`);
  const gate = report.gate && [
    `**Gate ${report.gate.passed ? 'passed' : 'failed'}**`,
    ...(report.gate.reasons.length > 0 ? ['', ...list(report.gate.reasons)] : []),
    '',
  ];
  const compared = comparisonLines(report).flatMap(({ sentence, rows: worse }) => [
    escaped(sentence),
    '',
    ...list(worse),
    '',
  ]);
  const failing = report.variants.flatMap((variant) => {
    const lines = failingLines(variant);
    const summary = `<summary>${escaped(variant.variant)}: rows that do not pass</summary>`;
    return lines.length === 0 ? [] : ['<details>', summary, '', ...list(lines), '', '</details>', ''];
  });
  const table = [line(heads), line(heads.map(() => '---')), ...rows.map(line)];
  return [`### ${escaped(reportTitle(report))}`, '', ...(gate ?? []), ...table, '', ...compared, ...failing].join('\n');
}

/** Marks that Markdown would take for its own, in what models and rows say. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/([\\`*_[\]#])/g, '\\$1');
}

/** As JUnit XML: a suite for each variant, a test for each row, the gate as a suite of its own. */
export function junitOf(report: EvaluationReport): string {
  const suites = report.variants.map(({ variant, rows, promptHash }) => {
    const tests = rows.map((row) => testCase(`${report.evaluation}.${variant}`, row));
    const failures = rows.filter(({ passed }) => passed < 1).length;
    const name = attribute(`${report.evaluation} · ${variant} · prompt ${promptHash.slice(0, 8)}`);
    return [`  <testsuite name=${name} tests="${rows.length}" failures="${failures}">`, ...tests, '  </testsuite>'];
  });
  const gate = report.gate && [
    `  <testsuite name=${attribute(`${report.evaluation} · gate`)} tests="1" failures="${report.gate.passed ? 0 : 1}">`,
    `    <testcase classname=${attribute(report.evaluation)} name="gate">`,
    ...report.gate.reasons.map((reason) => `      <failure message=${attribute(reason)}/>`),
    '    </testcase>',
    '  </testsuite>',
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    ...suites.flat(),
    ...(gate ?? []),
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(classname: string, row: EvaluatedRow): string {
  const time = row.latencyMs === null ? '' : ` time="${(row.latencyMs / 1_000).toFixed(3)}"`;
  const head = `    <testcase classname=${attribute(classname)} name=${attribute(`row ${row.row} ${itemOf(row)}`)}${time}`;
  return row.passed === 1 ? `${head}/>` : `${head}><failure message=${attribute(answerOf(row))}/></testcase>`;
}

function attribute(text: string): string {
  const plain = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return `"${plain}"`;
}
