import { expect, test } from 'vitest';
import { html } from './html.ts';

test('what is put in shows as text, in content and in attributes', () => {
  const evil = `"><script>alert('x')</script>&`;
  expect(String(html`<p title="${evil}">${evil}</p>`)).toBe(
    '<p title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">' +
      '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</p>',
  );
});

test('markup goes in as it is, also in lists; nothing goes in as nothing', () => {
  const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`);
  expect(String(html`<ul>${items}</ul>${null}${0}`)).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>0');
});
