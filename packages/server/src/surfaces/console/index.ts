import type { FastifyInstance } from 'fastify';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Assay</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
  main { max-width: 44rem; margin: 12vh auto; padding: 0 1.5rem; }
  code { font-family: ui-monospace, monospace; }
  pre { overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: .5rem; }
</style>
</head>
<body>
<main>
<h1>Assay is running</h1>
<p>This release is used over its API and its command line. Run a program with the key that the first start printed:</p>
<pre><code>export ASSAY_API_KEY=sk_…
assay eval run -c 'print("hello")' --lang python --wait</code></pre>
<p><a href="/docs">API reference</a> · <a href="/readyz">Readiness</a> · <a href="/openapi.json">OpenAPI 3.1</a></p>
</main>
</body>
</html>
`;

/** The page at `/`: what this is and where to go. No script, nothing from elsewhere. */
export function registerConsole(server: FastifyInstance): void {
  server.get('/', async (_request, reply) =>
    reply
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      )
      .type('text/html; charset=utf-8')
      .send(PAGE),
  );
}
