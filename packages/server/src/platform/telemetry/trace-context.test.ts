import { describe, expect, test } from 'vitest';
import { traceContext } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('a traceparent', () => {
  test('is continued, with its decision to sample', () => {
    expect(traceContext(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, parentSpanId: SPAN, sampled: true });
    expect(traceContext(`00-${TRACE}-${SPAN}-00`)).toMatchObject({ sampled: false });
    expect(traceContext(`00-${TRACE}-${SPAN}-fe`)).toMatchObject({ sampled: false });
  });

  test('of a later version is read as far as it is known', () => {
    for (const later of [`01-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`]) {
      expect(traceContext(later)).toEqual({ traceId: TRACE, parentSpanId: SPAN, sampled: true });
    }
  });

  test.each([
    undefined,
    '',
    'garbage',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-extra`,
    `00-${TRACE}-${SPAN}-01.`,
    `01-${TRACE}-${SPAN}-01.extra`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\r\nx: y`,
  ])('of %j is none: a trace begins here', (header) => {
    const context = traceContext(header);
    expect(context).toMatchObject({ parentSpanId: null, sampled: true });
    expect(context.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(context.traceId).not.toBe(traceContext(header).traceId);
  });
});
