import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { expectErrorShape } from './harness/error-shapes.ts';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';

/*
 * Nonsense for every route of the published document, made from what that document says: no 5xx, no hang, and every
 * refusal in the shape of its surface. The same nonsense each time, unless a seed or a number of runs is given.
 */
const RUNS = Number(process.env['ASSAY_FUZZ_RUNS'] ?? 25);
const SEED = Number(process.env['ASSAY_FUZZ_SEED'] ?? 20_250_629);
const HANG_MS = 10_000;

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

type Operation = {
  tags: string[];
  parameters?: { name: string; in: 'path' | 'query' }[];
  requestBody?: { content: Record<string, { schema: { $ref?: string } }> };
};
type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties?: Record<string, unknown> }> };
};
const document = (await server.anonymous.get('/openapi.json')).body as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
    method.toUpperCase(),
    path,
    operation,
  ]),
);

const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e999',
    'null',
    '../../etc/passwd',
    "' or 1=1 --",
    '{{7*7}}',
    '\u0000',
    '\uFEFF',
    '😀'.repeat(30),
    'a'.repeat(3_000),
  ),
  fc.uuid(),
);
const segment = fc.oneof(
  word.map(encodeURIComponent),
  fc.constantFrom('%', '%zz', '%c0%af', '%2e%2e%2f', '%00', ';', '*', '%F0%28%8C%28'),
);
/** What HTTP allows in a header, and more than anybody expects there. */
const headerValue = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 120,
  })
  .map((value) => value.trim());
const headers = fc.dictionary(
  fc.constantFrom(
    'accept',
    'authorization',
    'content-type',
    'cookie',
    'idempotency-key',
    'if-match',
    'last-event-id',
    'range',
    'traceparent',
    'x-request-id',
    'x-forwarded-for',
  ),
  headerValue,
  { maxKeys: 3 },
);
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  word,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, -1, 0.1, true, null, [], {}, [[]], ''),
);

/** A body: of the right fields with the wrong values, as JSON or as a form, of any JSON, or of any bytes. */
function bodyOf({ requestBody }: Operation): fc.Arbitrary<string | Uint8Array<ArrayBuffer> | undefined> {
  const name =
    Object.values(requestBody?.content ?? {})[0]
      ?.schema.$ref?.split('/')
      .at(-1) ?? '';
  const fields = Object.keys(document.components.schemas[name]?.properties ?? {});
  const near = fc.dictionary(fc.oneof(fc.constantFrom('x', ...fields), word), anything, { maxKeys: 6 });
  const isForm = requestBody?.content['application/x-www-form-urlencoded'] !== undefined;
  const form = near.map(
    (value) =>
      new URLSearchParams(Object.entries(value).map(([key, of]): [string, string] => [key, JSON.stringify(of)])),
  );
  return fc.oneof(
    { weight: 5, arbitrary: isForm ? form.map(String) : near.map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from(bytes)) },
    { weight: 1, arbitrary: fc.constant(`${'['.repeat(5_000)}`) },
  );
}

test.each(operations)(
  '%s %s answers nonsense with a refusal in its shape, or takes it',
  async (method, path, operation) => {
    const isHead = method === 'HEAD';
    const known = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query').map(({ name }) => name);
    const nonsense = fc.record({
      segments: fc.array(segment, { minLength: 2, maxLength: 2 }),
      query: fc.dictionary(fc.oneof(fc.constantFrom('x', ...known), word), word, { maxKeys: 3 }),
      headers,
      body: isHead || method === 'GET' ? fc.constant(undefined) : bodyOf(operation),
      withKey: fc.boolean(),
    });
    const property = fc.asyncProperty(nonsense, async ({ segments, query, headers: sent, body, withKey }) => {
      let taken = 0;
      const filled = path.replace(/\{\w+\}/g, () => segments[taken++] ?? 'x');
      const client = withKey ? server.as() : server.anonymous;
      const startedAt = performance.now();
      const [type = ''] = Object.keys(operation.requestBody?.content ?? {});
      const answer = await client.send(method, `${filled}?${new URLSearchParams(query)}`, {
        headers: { ...(type === '' || body === undefined ? {} : { 'content-type': type }), ...sent },
        body,
      });
      expect(performance.now() - startedAt).toBeLessThan(HANG_MS);
      expect(answer.status, answer.text.slice(0, 300)).toBeLessThan(500);
      // A path that was made to mean another one is that one's to answer.
      const isOwn = !segments.slice(0, taken).some((part) => part === '' || decodes(part).includes('..'));
      if (answer.status >= 400 && isOwn && !isHead) expectErrorShape(operation.tags[0] ?? '', answer.body);
      if (answer.status >= 400) expect(answer.headers.get('x-request-id')).not.toBeNull();
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  },
);

function decodes(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

test.each(['/ws', '/v1/events/ws'])('a WebSocket at %s takes nonsense, and says why when it hangs up', async (path) => {
  const key = { 'x-api-key': server.credentials.apiKey };
  const message = fc.oneof(
    fc.json(),
    word,
    anything.map((value) => JSON.stringify({ type: 'subscribe', eval_id: value })),
  );
  const property = fc.asyncProperty(fc.array(message, { maxLength: 20 }), word, async (messages, after) => {
    const query = new URLSearchParams({ after, eval_id: after, types: after });
    const refused = await Socket.open(server.url, `${path}?${query}`, key).then(async (socket) => {
      for (const text of messages) socket.send(text);
      socket[Symbol.dispose]();
      return socket.closed;
    });
    expect(refused.code).toBeOneOf([1000, 1005, 1008, 1009]);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
});

test('after all of this the server has made no fault of its own, and works', async () => {
  expect(server.stderr).not.toContain('"level":"error"');
  expect((await server.anonymous.get('/readyz')).status).toBe(200);
  const { eval_id } = await server.sdk().evaluations.submit({ code: 'print(1)', priority: 2000 });
  expect(await server.sdk().evaluations.kill(eval_id)).toMatchObject({ killed: true });
});
