import { describe, expect, test } from 'vitest';
import { MOST_MISSED, MOST_WAITING, planFirings, type Situation } from './firing-plan.ts';

const NOW = new Date('2026-01-01T12:00:05Z');
const ago = (minutes: number): Date => new Date(Date.UTC(2026, 0, 1, 12, -minutes));
const plan = (of: Partial<Situation>): string[] =>
  planFirings({ overlap: 'skip', catchUp: 'all', due: [ago(0)], waiting: [], isRunning: false, now: NOW, ...of }).map(
    ({ scheduledFor, outcome }) => `${(ago(0).getTime() - scheduledFor.getTime()) / 60_000} ${outcome}`,
  );

describe('a firing', () => {
  test('starts where no run is under way', () => {
    expect(plan({})).toEqual(['0 started']);
  });

  test.each([
    ['skip', '0 skipped'],
    ['queue', '0 waiting'],
    ['allow', '0 started'],
  ] as const)('beside a run that is under way is treated as the policy says: %s', (overlap, expected) => {
    expect(plan({ overlap, isRunning: true })).toEqual([expected]);
  });

  test('that waited starts before those that come due', () => {
    expect(plan({ overlap: 'queue', waiting: [ago(2), ago(1)] })).toEqual(['2 started', '0 waiting']);
  });

  test('that would wait behind too many is skipped', () => {
    const waiting = Array.from({ length: MOST_WAITING }, (_, index) => ago(MOST_WAITING - index));
    expect(plan({ overlap: 'queue', isRunning: true, waiting })).toEqual(['0 skipped']);
  });
});

describe('firings that were missed', () => {
  const due = [ago(10), ago(5), ago(0)];

  test.each([
    ['all', ['10 started', '5 started', '0 started']],
    ['latest', ['0 started']],
    ['skip', ['0 started']],
  ] as const)('are made up for as the policy says: %s', (catchUp, expected) => {
    expect(plan({ catchUp, due, overlap: 'allow' })).toEqual(expected);
  });

  test('are left by `skip`, and the last of them is made by `latest`, when nothing is due now', () => {
    expect(plan({ catchUp: 'skip', due: [ago(10), ago(5)] })).toEqual([]);
    expect(plan({ catchUp: 'latest', due: [ago(10), ago(5)] })).toEqual(['5 started']);
  });

  test('overlap like any others', () => {
    expect(plan({ due, overlap: 'skip' })).toEqual(['10 started', '5 skipped', '0 skipped']);
    expect(plan({ due, overlap: 'queue' })).toEqual(['10 started', '5 waiting', '0 waiting']);
  });

  test('are not made without end', () => {
    const all = Array.from({ length: MOST_MISSED + 50 }, (_, index) => ago(MOST_MISSED + 49 - index));
    expect(plan({ due: all, overlap: 'allow' })).toHaveLength(MOST_MISSED);
  });
});
