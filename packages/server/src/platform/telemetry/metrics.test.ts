import { describe, expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

describe('the metrics', () => {
  test('count requests and time operations by what is few: names, kinds and statuses', async () => {
    const { registry, requests, operations } = createMetrics();
    requests.inc({ surface: 'control', method: 'GET', status: '200' });
    operations.observe({ operation: 'things.thing.make', outcome: 'denied' }, 0.02);
    const text = await registry.metrics();
    expect(text).toMatch(/^assay_\w+\{surface="control",method="GET",status="200"\} 1$/m);
    expect(text).toMatch(/^assay_operation_seconds_count\{operation="things.thing.make",outcome="denied"\} 1$/m);
    expect(text).toMatch(/^assay_operation_seconds_bucket\{le="0.025",.*\} 1$/m);
    expect(text).toMatch(/^assay_operation_seconds_bucket\{le="0.01",.*\} 0$/m);
  });

  test('read a gauge when somebody asks, and not before', async () => {
    const { registry, gauge } = createMetrics();
    let reads = 0;
    gauge('assay_things', 'Things there are.', () => ++reads);
    expect(reads).toBe(0);
    expect(await registry.metrics()).toMatch(/^assay_things 1$/m);
    expect(await registry.metrics()).toMatch(/^assay_things 2$/m);
  });

  test('tell how the process is doing', async () => {
    const text = await createMetrics().registry.metrics();
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']) {
      expect(text).toContain(`\n${name} `);
    }
  });

  test('belong to one server: two in one process count apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.refusalsUnaudited.inc();
    expect(await other.registry.metrics()).toMatch(/unaudited\w* 0$/m);
  });
});
