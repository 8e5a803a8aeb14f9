import { html } from './html.ts';
import { renderPage } from './layout.ts';
import type { SignedInAs } from './person.ts';

/** What this is, and where to go. */
export const renderFront = (signedIn: SignedInAs | null): string =>
  renderPage({
    title: 'Running',
    ...(signedIn === null ? {} : { signedIn }),
    content: html`<h1>Assay is running</h1>
<p>This release is used over its API and its command line. Sign in from a terminal, and run a program:</p>
<pre><code>assay login
assay eval run -c 'print("hello")' --lang python --wait</code></pre>
<p>A program takes a key instead, the one that the first start printed for example, in <code>ASSAY_API_KEY</code>.</p>
<nav aria-label="Places"><ul>
<li><a href="/device">Sign in a device</a></li>
${signedIn === null ? html`<li><a href="/login">Sign in</a></li>` : null}
<li><a href="/docs">API reference</a></li>
<li><a href="/readyz">Readiness</a></li>
<li><a href="/openapi.json">OpenAPI 3.1</a></li>
</ul></nav>`,
  });
