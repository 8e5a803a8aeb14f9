import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { noTracing, startTracing } from './tracing.ts';

type Span = {
  traceId: string;
  parentSpanId?: string;
  name: string;
  status: { code?: number; message?: string };
  attributes: { key: string; value: { stringValue?: string } }[];
};
type Export = {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Span[] }[];
  }[];
};

/** A collector that keeps what it is sent. */
async function collector() {
  const received: { path: string; body: Export }[] = [];
  const server = createServer(async (request, response) => {
    received.push({ path: String(request.url), body: JSON.parse(await text(request)) });
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    received,
    spans: () =>
      received
        .flatMap(({ body }) => body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans))
        .flatMap(({ spans }) => spans),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

const trace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentSpanId: '00f067aa0ba902b7', sampled: true };

describe('a span', () => {
  test('arrives under the trace and the parent that the caller named, with what it was about', async () => {
    await using there = await collector();
    const tracing = await startTracing(there.endpoint, '1.2.3');
    tracing.span('things.thing.make', trace, { 'assay.effect': 'create' }).end(null);
    await tracing[Symbol.asyncDispose]();
    expect(there.received.map(({ path }) => path)).toEqual(['/v1/traces']);
    expect(there.spans()).toMatchObject([
      { name: 'things.thing.make', traceId: trace.traceId, parentSpanId: trace.parentSpanId },
    ]);
    expect(there.spans()[0]?.attributes).toEqual([{ key: 'assay.effect', value: { stringValue: 'create' } }]);
    expect(there.received[0]?.body.resourceSpans[0]?.resource.attributes).toEqual(
      expect.arrayContaining([
        { key: 'service.name', value: { stringValue: 'assay' } },
        { key: 'service.version', value: { stringValue: '1.2.3' } },
      ]),
    );
  });

  test('that failed says how', async () => {
    await using there = await collector();
    const tracing = await startTracing(`${there.endpoint}/prefix/`, '1');
    tracing.span('a', trace).end('access.scope_missing');
    await tracing[Symbol.asyncDispose]();
    expect(there.received[0]?.path).toBe('/prefix/v1/traces');
    expect(there.spans()[0]?.status).toEqual({ code: 2, message: 'access.scope_missing' });
  });

  test('keeps the id of a trace that began here', async () => {
    await using there = await collector();
    const tracing = await startTracing(there.endpoint, '1');
    tracing.span('a', { ...trace, parentSpanId: null }).end(null);
    await tracing[Symbol.asyncDispose]();
    expect(there.spans()[0]?.traceId).toBe(trace.traceId);
  });

  test('of a trace that its caller does not sample stays here', async () => {
    await using there = await collector();
    const tracing = await startTracing(there.endpoint, '1');
    tracing.span('a', { ...trace, sampled: false }).end(null);
    await tracing[Symbol.asyncDispose]();
    expect(there.received).toEqual([]);
  });

  test('goes nowhere where no collector is configured', async () => {
    expect(() => noTracing.span('a', trace).end('failed')).not.toThrow();
    await noTracing[Symbol.asyncDispose]();
  });
});
