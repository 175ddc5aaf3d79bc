import { micromark } from 'micromark';
import { gfm, gfmHtml } from 'micromark-extension-gfm';

interface TrustedTypes {
  createPolicy(name: string, rules: { createHTML(html: string): string }): { createHTML(html: string): unknown };
}

// Browsers with Trusted Types take HTML from here alone.
const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
const policy = types?.createPolicy('cadenza-markdown', { createHTML: (html) => html });
// micromark asks the browser what a named character reference stands for; nothing else is let through.
types?.createPolicy('default', {
  createHTML(html) {
    if (/^&[A-Za-z0-9]+;$/.test(html)) return html;
    throw new TypeError('HTML is made by the Markdown renderer alone');
  },
});

/**
 * Markdown (CommonMark and GFM) as HTML that can do nothing: HTML in it is text, only whole addresses of http, https and
 * mailto are links (any other would lead into the gateway that shows it), links open elsewhere without an opener, and
 * images are links, as nothing is fetched for an answer.
 * @param scope begins the ids of its footnotes, which lead to each other: its own on a page
 */
export function renderMarkdown(markdown: string, scope: string): string {
  const html = micromark(markdown, {
    extensions: [gfm()],
    htmlExtensions: [gfmHtml({ clobberPrefix: scope })],
  });
  const made = html
    .replace(/<img src="([^"]*)" alt="([^"]*)"[^>]*>/g, (_, source, alt) =>
      source === '' ? alt : `<a href="${source}">${alt || 'image'}</a>`,
    )
    .replaceAll('"footnote-label"', `"${scope}footnote-label"`)
    .replace(/<a href="([^"]*)"/g, (link, address: string) =>
      address.startsWith(`#${scope}fn`) ? link : WHOLE.test(address) ? link.replace('<a', AWAY) : '<a',
    )
    .replace(/<pre><code(?: class="language-([^"]*)")?>/g, (_, language = '') => codeHead(language))
    .replaceAll('</code></pre>', '</code></pre></div>')
    .replaceAll('<table>', '<div class="table" tabindex="0"><table>')
    .replaceAll('</table>', '</table></div>');
  return (policy ? policy.createHTML(made) : made) as string;
}

const AWAY = '<a rel="noopener noreferrer nofollow" target="_blank"';
/** Without its slashes an address of http is a relative one. */
const WHOLE = /^(https?:\/\/[^/]|mailto:)/i;

// In micromark's output every `<` of a tag is its own: those of the text are escaped, so these replacements meet no other.
function codeHead(language: string): string {
  return (
    `<div class="code-block"><div class="code-head"><span>${language}</span>` +
    `<button type="button" class="button quiet small" data-copy>Copy</button></div><pre tabindex="0"><code>`
  );
}
