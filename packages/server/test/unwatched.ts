import { watchCalls } from '../src/modules/providers/index.ts';
import { createMetrics } from '../src/platform/telemetry/metrics.ts';
import { ModelCalls } from '../src/platform/telemetry/model-calls.ts';
import { noTracing } from '../src/platform/telemetry/tracing.ts';

/** Watches calls to models as the server does, for nobody. */
export const unwatched = watchCalls(
  new ModelCalls({ tracing: noTracing, metrics: createMetrics().modelCalls }),
  () => null,
);
