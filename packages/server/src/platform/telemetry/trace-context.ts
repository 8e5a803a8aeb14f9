import { randomUUID } from 'node:crypto';

/** W3C trace context of one request: the trace it belongs to and the span that caused it. */
export type TraceContext = { traceId: string; parentSpanId: string | null; sampled: boolean };

/** Version, trace id, parent id, flags; later versions may say more behind them. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads `traceparent` (W3C Trace Context, section 3.2), or starts a new trace where there is none or a malformed one. */
export function traceContext(traceparent: string | undefined): TraceContext {
  const [, version, traceId, parentSpanId, flags, rest] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  const isWhole = version !== '00' || rest === undefined;
  if (isWhole && traceId && parentSpanId && flags && !/^0+$/.test(traceId) && !/^0+$/.test(parentSpanId)) {
    return { traceId, parentSpanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
  }
  // 122 random bits, which Node draws ahead for many ids at once; sixteen bytes drawn for themselves cost ten times that.
  return { traceId: randomUUID().replaceAll('-', ''), parentSpanId: null, sampled: true };
}
