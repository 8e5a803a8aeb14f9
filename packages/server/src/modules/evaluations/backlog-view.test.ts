import { expect, test } from 'vitest';
import { BacklogView } from './backlog-view.ts';
import type { Backlog } from './model.ts';

const row = (orgId: string, queued: number): Backlog => ({ orgId, priority: 0, queued, running: 0, servedAt: null });

test('places go on from those that were given a moment ago', async () => {
  let looks = 0;
  const view = new BacklogView(async () => {
    looks += 1;
    return [row('mine', 3)];
  });
  expect(await view.place('mine', [0, 0])).toEqual([4, 5]);
  expect(await view.place('mine', [0])).toEqual([6]);
  expect(looks).toBe(1);
});

test('a higher priority is placed before what waits, and then counts as waiting', async () => {
  const view = new BacklogView(async () => [row('mine', 3)]);
  expect(await view.place('mine', [5, 0])).toEqual([1, 5]);
});

test('a look that failed is made again', async () => {
  let looks = 0;
  const view = new BacklogView(async () => {
    looks += 1;
    if (looks === 1) throw new Error('the database is away');
    return [];
  });
  await expect(view.place('mine', [0])).rejects.toThrow('away');
  expect(await view.place('mine', [0])).toEqual([1]);
});
