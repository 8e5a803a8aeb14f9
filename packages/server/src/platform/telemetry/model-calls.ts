import {
  type ModelCall,
  type ModelCallEnd,
  type ModelCallMetrics,
  requestAttributes,
  responseAttributes,
  spanName,
} from './gen-ai.ts';
import type { TraceContext } from './trace-context.ts';
import type { Tracing } from './tracing.ts';

/** One call to a provider, from when it is made. */
export type ModelCallRecord = {
  /** A piece of a streamed answer is there; only the first one is noted. */
  began(): void;
  ended(end: Omit<ModelCallEnd, 'firstChunkSeconds'>): void;
};

/** Tells of calls to models, in spans and metrics. */
export class ModelCalls {
  readonly #tracing: Tracing;
  readonly #metrics: ModelCallMetrics;

  constructor(of: { tracing: Tracing; metrics: ModelCallMetrics }) {
    this.#tracing = of.tracing;
    this.#metrics = of.metrics;
  }

  /** @param parent what the call is a part of; null where nobody follows it */
  start(call: ModelCall, parent: TraceContext | null): ModelCallRecord {
    const started = performance.now();
    const since = (): number => (performance.now() - started) / 1000;
    const span = parent === null ? null : this.#tracing.outgoing(spanName(call), parent, requestAttributes(call));
    let firstChunkSeconds: number | null = null;
    return {
      began: () => {
        firstChunkSeconds ??= since();
      },
      ended: (how) => {
        const end = { ...how, firstChunkSeconds };
        this.#metrics.observe(call, since(), end);
        // A caller who left is no failure of the provider's.
        span?.end(end.failure === 'cancelled' ? null : end.failure, responseAttributes(end));
      },
    };
  }
}
