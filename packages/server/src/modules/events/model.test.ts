import { describe, expect, test } from 'vitest';
import { matches } from './model.ts';

const fits = (pattern: string, type: string): boolean =>
  matches({ types: [pattern], subjects: [] }, { type, subject: '' });

describe('a pattern of event types', () => {
  test.each([
    ['budget.exceeded', 'budget.exceeded'],
    ['budget.*', 'budget.exceeded'],
    ['build.*', 'build.stage.started'],
    ['*', 'anything.at_all'],
    ['*.failed', 'workflow.run.failed'],
    ['workflow.*.failed', 'workflow.node.failed'],
    ['*.run.*', 'workflow.run.paused'],
    ['a*a', 'aa'],
  ])('%s lets %s through', (pattern, type) => {
    expect(fits(pattern, type)).toBe(true);
  });

  test.each([
    ['budget.exceeded', 'budget.exceeded.twice'],
    ['budget.*', 'budgets.exceeded'],
    ['budget.*', 'budget'],
    ['*.failed', 'workflow.failed_over'],
    ['workflow.*.failed', 'workflow.failed'],
    ['*.run.*', 'workflow.rerun.paused'],
    ['a*a', 'a'],
    ['', 'a'],
  ])('%s keeps %s out', (pattern, type) => {
    expect(fits(pattern, type)).toBe(false);
  });
});
