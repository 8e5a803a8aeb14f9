import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { ModelCallMetrics } from './gen-ai.ts';

/** The counters of one process, in the Prometheus text format at `/metrics`. Labels are of low cardinality only. */
export type Metrics = {
  registry: Registry;
  operations: Histogram<'operation' | 'outcome'>;
  requests: Counter<'surface' | 'method' | 'status'>;
  rpcs: Counter<'method' | 'code'>;
  refusals: Counter<'operation' | 'reason'>;
  refusalsUnaudited: Counter<string>;
  evaluations: Counter<'outcome' | 'engine'>;
  queueWait: Histogram<string>;
  modelCalls: ModelCallMetrics;
  webhookAttempts: Histogram<'outcome'>;
  captures: Counter<'outcome'>;
  /** Adds a gauge whose value is read when somebody asks for the metrics. */
  gauge(name: string, help: string, read: () => number): void;
};

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    operations: new Histogram({
      name: 'assay_operation_seconds',
      help: 'Time of an operation from authorization to commit, by outcome: ok or the kind of refusal.',
      labelNames: ['operation', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    requests: new Counter({
      name: 'assay_http_requests_total',
      help: 'HTTP requests answered.',
      labelNames: ['surface', 'method', 'status'],
      registers,
    }),
    rpcs: new Counter({
      name: 'assay_grpc_requests_total',
      help: 'gRPC calls answered, by method and code.',
      labelNames: ['method', 'code'],
      registers,
    }),
    refusals: new Counter({
      name: 'assay_refusals_total',
      help: 'Calls refused by a permission, a limit, a budget or the billing posture, by its code.',
      labelNames: ['operation', 'reason'],
      registers,
    }),
    refusalsUnaudited: new Counter({
      name: 'assay_refusals_unaudited_total',
      help: 'Refusals beyond the bounded rate at which refusals are audited.',
      registers,
    }),
    evaluations: new Counter({
      name: 'assay_evaluations_total',
      help: 'Evaluations that ended, by reason and engine.',
      labelNames: ['outcome', 'engine'],
      registers,
    }),
    queueWait: new Histogram({
      name: 'assay_evaluation_queue_seconds',
      help: 'Time from submission to the start of a run.',
      buckets: SECONDS,
      registers,
    }),
    modelCalls: new ModelCallMetrics(registry),
    webhookAttempts: new Histogram({
      name: 'assay_webhook_attempt_seconds',
      help: 'Time of an attempt to send a message to a webhook, by outcome: delivered, retried or failed.',
      labelNames: ['outcome'],
      buckets: SECONDS,
      registers,
    }),
    captures: new Counter({
      name: 'assay_captures_total',
      help: 'Calls to models that were to be captured: kept, or dropped for want of room.',
      labelNames: ['outcome'],
      registers,
    }),
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
  };
}
