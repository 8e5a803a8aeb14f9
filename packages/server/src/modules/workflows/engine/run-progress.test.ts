import { describe, expect, test } from 'vitest';
import { done, failed, gives, over, started } from '../../../../test/test-run.ts';
import { type Result, WHOLE } from './model.ts';

const waiting: Result = { kind: 'waiting', at: null, resume: {} };
const DIAMOND = { a: {}, b: { dependsOn: ['a'] }, c: { dependsOn: ['a'] }, d: { dependsOn: ['b', 'c'] } };

describe('a run', () => {
  test('goes on to what waits for what has ended, and completes with the last', () => {
    const run = started(DIAMOND);
    expect(run.due).toEqual(['a']);
    run.end('a', done);
    expect(run.due).toEqual(['b', 'c']);
    run.end('c', done);
    expect(run.due).toEqual(['b']);
    run.end('b', done);
    run.end('d', done);
    expect(run.run).toMatchObject({ state: 'completed', context: { a: 1, b: 1, c: 1, d: 1 } });
    expect(run.events.at(-1)).toBe('workflow.run.completed');
  });

  test('fails with the first failure that nothing catches, and cancels the rest', () => {
    const run = started(DIAMOND);
    run.end('a', done);
    const fence = run.claim('c');
    run.end('b', failed);
    expect(run.states).toEqual({ a: 'completed', b: 'failed', c: 'cancelled', d: 'cancelled' });
    expect(run.run).toMatchObject({ state: 'failed', error: { node: 'b', code: 'test.failed' } });
    expect(run.report('c', fence, done)).toBe(false);
  });

  test('takes no report twice, nor one of an attempt before', () => {
    const run = started({ a: { policy: { retries: 1 } } });
    const first = run.claim('a');
    expect(run.report('a', first, failed)).toBe(true);
    expect(run.report('a', first, done)).toBe(false);
    const second = run.claim('a');
    expect(run.report('a', first, done)).toBe(false);
    expect(run.report('a', second, done)).toBe(true);
    expect(run.report('a', second, done)).toBe(false);
    expect(run.run.state).toBe('completed');
  });

  test('takes an answer for a node that waits, once, and for no other', () => {
    const run = started(DIAMOND);
    const answer = (key: string) =>
      run.decide((progress) => progress.answer({ key, item: WHOLE }, done), [key, 'b', 'c']);
    expect(answer('a')).toBe(false);
    const fence = run.claim('a');
    run.report('a', fence, waiting);
    expect(run.events).toContain('workflow.node.waiting a');
    expect(run.due).toEqual([]);
    expect([answer('a'), answer('a')]).toEqual([true, false]);
    expect(run.due).toEqual(['b', 'c']);
    expect(run.report('a', fence, done)).toBe(false);
  });

  test('tries a node again as often as its policy says', () => {
    const run = started({ a: { policy: { retries: 2 } } });
    run.end('a', failed);
    run.end('a', failed);
    expect(run.rowOf('a').dueAt).toEqual(new Date(1_100));
    run.end('a', failed);
    expect(run.run.state).toBe('failed');
  });

  test('does not try again what would fail again', () => {
    const run = started({ a: { policy: { retries: 2 } } });
    run.end('a', { ...failed, isFinal: true } as Result);
    expect(run.run.state).toBe('failed');
  });

  test('goes on behind a failure that is let go, or that something stands in for', () => {
    const letGo = started({ a: { policy: { onError: { kind: 'continue' } } }, b: { dependsOn: ['a'] } });
    letGo.end('a', failed);
    letGo.end('b', done);
    expect(letGo.run).toMatchObject({ state: 'completed', context: { b: 1 } });
    const stoodIn = started({ a: { policy: { onError: { kind: 'fallback', value: 7 } } } });
    stoodIn.end('a', failed);
    expect(stoodIn.run).toMatchObject({ state: 'completed', context: { a: 7 } });
  });

  test('skips what only skipped nodes lead to, and joins again where one was not', () => {
    const run = started({
      a: {},
      b: { dependsOn: ['a'] },
      c: { dependsOn: ['a'] },
      behind: { dependsOn: ['b'] },
      join: { dependsOn: ['b', 'c'] },
    });
    run.end('a', { kind: 'completed', output: 1, passesOver: ['b'] });
    expect(run.states).toMatchObject({ b: 'skipped', behind: 'skipped', join: 'pending' });
    run.end('c', done);
    run.end('join', done);
    expect(run.run.state).toBe('completed');
  });

  test('skips what a branch does not go to, also where others lead there', () => {
    const run = started({ a: {}, b: {}, c: { dependsOn: ['a', 'b'] } });
    run.end('a', done);
    run.end('b', { kind: 'completed', output: 1, passesOver: ['c'] });
    expect(run.states['c']).toBe('skipped');
    expect(run.run.state).toBe('completed');
  });

  test('that is paused holds back what becomes ready, and gives it out again', () => {
    const run = started(DIAMOND);
    const fence = run.claim('a');
    run.decide((progress) => progress.pause());
    expect(run.report('a', fence, done)).toBe(true);
    expect([run.run.state, run.due]).toEqual(['paused', []]);
    run.decide((progress) => progress.resume());
    expect(run.due).toEqual(['b', 'c']);
  });

  test('that is cancelled ends at once, and only once', () => {
    const run = started(DIAMOND);
    run.decide((progress) => progress.cancel());
    run.decide((progress) => progress.cancel());
    run.decide((progress) => progress.fail({ node: null, code: 'x', message: 'x' }));
    expect(run.run.state).toBe('cancelled');
    expect(run.events.filter((event) => event.startsWith('workflow.run.'))).toEqual([
      'workflow.run.started',
      'workflow.run.cancelled',
    ]);
  });

  test('that failed is made again from where it failed', () => {
    const run = started({ ...DIAMOND, side: { dependsOn: ['a'], policy: { onError: { kind: 'continue' } } } });
    run.end('a', done);
    run.end('side', failed);
    run.end('b', done);
    run.end('c', failed);
    expect(run.retry()).toBe(true);
    expect(run.states).toEqual({ a: 'completed', b: 'completed', side: 'failed', c: 'ready', d: 'pending' });
    run.end('c', done);
    run.end('d', done);
    expect(run.run.state).toBe('completed');
    expect(run.retry()).toBe(false);
  });

  test('gives out again what a lost worker had, but not for ever', () => {
    const run = started({ a: {} });
    for (let attempt = 1; attempt <= 5; attempt++) {
      expect(run.run.state).toBe('running');
      const fence = run.claim('a');
      run.lose('a', fence - 1);
      run.lose('a', fence);
    }
    expect(run.run).toMatchObject({ state: 'failed', error: { code: 'workflow_node.lost' } });
  });

  test('gives out again what a lost worker had as long as its policy allows more attempts', () => {
    const run = started({ a: { policy: { retries: 6 } } });
    for (let attempt = 1; attempt <= 5; attempt++) run.end('a', failed);
    run.lose('a', run.claim('a'));
    run.end('a', done);
    expect(run.run.state).toBe('completed');
  });

  test('goes over a list, no more of it at once than it may, and gives what all gave in their order', () => {
    const run = started({ a: { atOnce: 2 }, b: { dependsOn: ['a'] } });
    run.end('a', over(4));
    expect(run.due).toEqual(['a#0', 'a#1']);
    run.end('a#1', gives('one'));
    expect(run.due).toEqual(['a#0', 'a#2']);
    run.end('a#2', gives('two'));
    run.end('a#0', gives('zero'));
    run.end('a#3', gives('three'));
    expect(run.due).toEqual(['a']);
    run.gather('a');
    run.end('b', done);
    expect(run.run).toMatchObject({ state: 'completed', context: { a: ['zero', 'one', 'two', 'three'] } });
    expect(run.events).toContain('workflow.node.completed a#3');
  });

  test('goes over a list of nothing', () => {
    const run = started({ a: { atOnce: 2 } });
    run.end('a', over(0));
    run.gather('a');
    expect(run.run).toMatchObject({ state: 'completed', context: { a: [] } });
  });

  test('fails over a list that is too long', () => {
    const run = started({ a: { atOnce: 2 } });
    run.end('a', over(10_001));
    expect(run.run).toMatchObject({ state: 'failed', error: { node: 'a', code: 'workflow_node.too_many_items' } });
    expect(run.rows.size).toBe(1);
  });

  test('fails with an item that nothing catches, cancels the others, and makes only those again', () => {
    const run = started({ a: { atOnce: 3 } });
    run.end('a', over(5));
    run.end('a#1', gives('one'));
    run.end('a#0', failed);
    expect(run.states).toEqual({
      a: 'failed',
      'a#0': 'failed',
      'a#1': 'completed',
      'a#2': 'cancelled',
      'a#3': 'cancelled',
      'a#4': 'cancelled',
    });
    expect(run.run).toMatchObject({ state: 'failed', error: { node: 'a#0' } });
    run.retry();
    expect(run.due).toEqual(['a#0', 'a#2', 'a#3']);
    for (const name of ['a#0', 'a#2', 'a#3', 'a#4']) run.end(name, gives(name));
    run.gather('a');
    expect(run.run).toMatchObject({ state: 'completed', context: { a: ['a#0', 'one', 'a#2', 'a#3', 'a#4'] } });
  });

  test('lets items go, or has something stand in for them, each by itself', () => {
    const letGo = started({ a: { atOnce: 1, policy: { onError: { kind: 'continue' } } } });
    letGo.end('a', over(2));
    letGo.end('a#0', failed);
    letGo.end('a#1', gives('one'));
    letGo.gather('a');
    expect(letGo.run).toMatchObject({ state: 'completed', context: { a: [null, 'one'] } });
    const stoodIn = started({ a: { atOnce: 1, policy: { retries: 1, onError: { kind: 'fallback', value: 'none' } } } });
    stoodIn.end('a', over(2));
    stoodIn.end('a#0', failed);
    stoodIn.end('a#0', failed);
    stoodIn.end('a#1', gives('one'));
    stoodIn.gather('a');
    expect(stoodIn.run).toMatchObject({ state: 'completed', context: { a: ['none', 'one'] } });
  });

  test('that is paused holds items back, and gives them out again', () => {
    const run = started({ a: { atOnce: 2 } });
    run.end('a', over(3));
    const fence = run.claim('a#0');
    run.decide((progress) => progress.pause());
    expect(run.due).toEqual([]);
    run.report('a#0', fence, gives('zero'));
    expect(run.due).toEqual([]);
    run.decide((progress) => progress.resume());
    expect(run.due).toEqual(['a#1', 'a#2']);
  });

  test('gathers again what could not be gathered, and does not go over the list twice', () => {
    const run = started({ a: { atOnce: 2, policy: { retries: 1 } } });
    run.end('a', over(1));
    run.end('a#0', gives('zero'));
    run.end('a', failed);
    run.gather('a');
    expect(run.run).toMatchObject({ state: 'completed', context: { a: ['zero'] } });
  });

  test('hands over what it makes ready, as a claim would, and not while it is held back', () => {
    const run = started({ a: {}, b: { dependsOn: ['a'] }, c: { dependsOn: ['a'] }, d: { dependsOn: ['b'] } }, 1);
    expect(run.handed).toEqual([{ name: 'a', fence: 1 }]);
    run.report('a', 1, done);
    expect(run.handed.slice(1)).toEqual([{ name: 'b', fence: 1 }]);
    expect(run.due).toEqual(['c']);
    run.decide((progress) => progress.pause());
    run.report('b', 1, done);
    expect(run.handed.slice(2)).toEqual([]);
    expect(run.states['d']).toBe('ready');
  });

  test('fails where an output cannot be written', () => {
    const outputs = [{ name: 'gone', path: ['x'], merge: 'replace' }] as const;
    const run = started({ a: { outputs } });
    run.end('a', done);
    expect(run.run).toMatchObject({ state: 'failed', error: { node: 'a', code: 'workflow_context.no_such_path' } });
  });
});
