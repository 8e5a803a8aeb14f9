import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Backlog, previewOf, queuePosition, stateAfter } from './model.ts';

/** The order of dispatch, written out: who is where when everything that waits is put in one line. */
function lineUp(backlog: readonly Backlog[]): { orgId: string; priority: number }[] {
  const waiting = backlog.flatMap((row) =>
    Array.from({ length: row.queued }, (_, index) => ({ ...row, share: row.running + index + 1 })),
  );
  return waiting.sort(
    (a, b) =>
      b.priority - a.priority ||
      a.share - b.share ||
      (a.servedAt?.getTime() ?? 0) - (b.servedAt?.getTime() ?? 0) ||
      a.orgId.localeCompare(b.orgId),
  );
}

const organizations = fc.array(
  fc.record({
    running: fc.integer({ min: 0, max: 4 }),
    servedAt: fc.integer({ min: 1, max: 1_000_000 }).map((ms) => new Date(ms)),
    queued: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 3, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 5 },
);

describe('queuePosition', () => {
  test('is the place in which the order of dispatch would put it', () => {
    fc.assert(
      fc.property(
        organizations,
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 4 }),
        (others, priority, nth) => {
          // Different moments, so that no tie is left to chance.
          const rows = others.flatMap((org, index) =>
            org.queued.map(
              (queued, level): Backlog => ({
                orgId: `org-${index}`,
                priority: level,
                queued,
                running: org.running,
                servedAt: new Date(org.servedAt.getTime() * 10 + index),
              }),
            ),
          );
          const after = rows.map((row) =>
            row.orgId === 'org-0' && row.priority === priority ? { ...row, queued: row.queued + nth } : row,
          );
          const line = lineUp(after);
          const own = line
            .map((row, index) => ({ ...row, place: index + 1 }))
            .filter((row) => row.orgId === 'org-0' && row.priority === priority);
          expect(queuePosition(rows, 'org-0', priority, nth)).toBe(own[own.length - 1]?.place);
        },
      ),
    );
  });

  test('is one in an empty queue', () => {
    expect(queuePosition([], 'org', 0, 1)).toBe(1);
  });
});

test('a run that ended by itself completes, one that was stopped says by what', () => {
  expect(stateAfter('ok')).toBe('completed');
  expect(stateAfter('timeout')).toBe('timeout');
  expect(stateAfter('cancelled')).toBe('cancelled');
  for (const reason of [
    'nonzero_exit',
    'signal',
    'memory_limit',
    'output_limit',
    'compile_error',
    'setup_failed',
  ] as const) {
    expect(stateAfter(reason)).toBe('failed');
  }
});

test('a preview says that there is more, and a short program is shown whole', () => {
  expect(previewOf('print(1)')).toBe('print(1)');
  expect(previewOf('x'.repeat(101))).toBe(`${'x'.repeat(100)}...`);
});
