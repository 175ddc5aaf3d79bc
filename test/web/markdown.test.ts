import { expect, test } from '@jest/globals';
import { renderMarkdown } from '../../src/web/markdown/render.ts';

const addressesIn = (markdown: string) =>
  [...renderMarkdown(markdown, 'P1-').matchAll(/ href="([^"]*)"/g)].map(([, address]) => address);

test.each([
  '/v1/runs',
  'v1/runs',
  '//evil.example/x',
  '?a=1',
  '#content',
  'http:/v1/runs',
  'http:v1',
  'ftp://a.example/b',
  'data:,x',
])('an address of an answer that could lead elsewhere than it says is no link: %s', (address) => {
  expect(addressesIn(`[press](${address}) ![seen](${address}) <${address}>`)).toEqual([]);
  expect(renderMarkdown(`[press](${address})`, 'P1-')).toContain('press');
});

test('whole addresses are links that open elsewhere', () => {
  expect(
    addressesIn(
      '[a](https://a.example/b?c=1&d=2) [b](HTTP://b.example) <c@d.example> www.e.example ![f](https://f.example/f.png)',
    ),
  ).toEqual([
    ...['https://a.example/b?c=1&amp;d=2', 'HTTP://b.example', 'mailto:c@d.example', 'http://www.e.example'],
    'https://f.example/f.png',
  ]);
  expect(renderMarkdown('[a](https://a.example)', 'P1-')).toContain(
    'rel="noopener noreferrer nofollow" target="_blank"',
  );
});

test('footnotes lead to each other within their own text', () => {
  const html = renderMarkdown('Said[^1].\n\n[^1]: By whom', 'P1-');
  const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(ids).toEqual(['P1-fnref-1', 'P1-footnote-label', 'P1-fn-1']);
  expect(addressesIn('Said[^1].\n\n[^1]: By whom')).toEqual(['#P1-fn-1', '#P1-fnref-1']);
  expect(html).not.toContain('target="_blank"');
});
