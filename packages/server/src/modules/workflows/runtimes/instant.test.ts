import { expect, test } from 'vitest';
import { workflowNode as node } from '../../../../test/workflow-worker.ts';
import { isInstant } from './instant.ts';

test('only what moves values, and asks for nothing else, needs no worker', () => {
  const moves = node('a', { operation: 'merge' });
  expect(isInstant(moves)).toBe(true);
  expect(isInstant({ ...moves, requires: ['native'] })).toBe(true);
  expect(isInstant({ ...moves, requires: ['tool:jq'] })).toBe(false);
  expect(isInstant({ ...moves, when: 'true' })).toBe(false);
  expect(
    isInstant({ ...moves, forEach: { items: { kind: 'literal', value: [] }, concurrency: 1, writtenAs: 'for_each' } }),
  ).toBe(false);
  expect(isInstant({ ...moves, operation: 'transform' })).toBe(false);
  expect(isInstant({ ...moves, runtime: 'provider' })).toBe(false);
});
