import {
  context,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Attributes } from './gen-ai.ts';
import type { TraceContext } from './trace-context.ts';

export type Tracing = AsyncDisposable & {
  /** Starts a span of what a caller asked of us, under their trace. Without an exporter this costs next to nothing. */
  span(name: string, parent: TraceContext | null, attributes?: Attributes): SpanHandle;
  /** Starts a span of what we ask of somebody else. */
  outgoing(name: string, parent: TraceContext, attributes: Attributes): SpanHandle;
};
export type SpanHandle = {
  /** What spans below this one continue; null where nobody listens. */
  trace: TraceContext | null;
  end(failure: string | null, attributes?: Attributes): void;
};

const SILENT: SpanHandle = { trace: null, end: () => {} };

/** Tracing that goes nowhere: the default, when no OTLP endpoint is configured. */
export const noTracing: Tracing = {
  span: () => SILENT,
  outgoing: () => SILENT,
  [Symbol.asyncDispose]: async () => {},
};

/** Sends spans to an OTLP/HTTP collector. The libraries are loaded only when an endpoint is configured. */
export async function startTracing(endpoint: string, serviceVersion: string): Promise<Tracing> {
  const [{ BatchSpanProcessor, TracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all(
    [
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ],
  );
  const exporter = new OTLPTraceExporter({
    url: new URL('v1/traces', endpoint.endsWith('/') ? endpoint : `${endpoint}/`).href,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'assay', 'service.version': serviceVersion }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('assay', serviceVersion);
  return {
    span: (name, parent, attributes = {}) =>
      startSpan(tracer, { name, parent, options: { kind: SpanKind.SERVER, attributes } }),
    outgoing: (name, parent, attributes) =>
      startSpan(tracer, { name, parent, options: { kind: SpanKind.CLIENT, attributes } }),
    async [Symbol.asyncDispose]() {
      await provider.shutdown();
    },
  };
}

function startSpan(
  tracer: Tracer,
  { name, parent, options }: { name: string; parent: TraceContext | null; options: SpanOptions },
): SpanHandle {
  const within =
    parent === null
      ? context.active()
      : trace.setSpanContext(context.active(), {
          traceId: parent.traceId,
          // A trace that starts here has no parent span; the SDK needs some id to keep the trace id.
          spanId: parent.parentSpanId ?? parent.traceId.slice(0, 16),
          traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
          isRemote: true,
        });
  const span: Span = tracer.startSpan(name, options, within);
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    trace: { traceId, parentSpanId: spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
    end(failure, attributes = {}) {
      span.setAttributes(attributes);
      if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      span.end();
    },
  };
}
