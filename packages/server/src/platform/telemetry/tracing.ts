import { context, type Span, SpanKind, SpanStatusCode, TraceFlags, type Tracer, trace } from '@opentelemetry/api';
import type { TraceContext } from './trace-context.ts';

export type Tracing = AsyncDisposable & {
  /** Starts a span under the caller's trace. Without an exporter this costs next to nothing. */
  span(name: string, parent: TraceContext | null, attributes?: Record<string, string | number>): SpanHandle;
};
export type SpanHandle = { end(failure: string | null): void };

const SILENT: SpanHandle = { end: () => {} };

/** Tracing that goes nowhere: the default, when no OTLP endpoint is configured. */
export const noTracing: Tracing = { span: () => SILENT, [Symbol.asyncDispose]: async () => {} };

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
    span: (name, parent, attributes) => startSpan(tracer, name, parent, attributes ?? {}),
    async [Symbol.asyncDispose]() {
      await provider.shutdown();
    },
  };
}

function startSpan(
  tracer: Tracer,
  name: string,
  parent: TraceContext | null,
  attributes: Record<string, string | number>,
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
  const span: Span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, within);
  return {
    end(failure) {
      if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      span.end();
    },
  };
}
