import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ScratchDirectory, scratchDirectory } from '../../../../test/scratch-directory.ts';
import { newId } from '../../../kernel/ids.ts';
import type { Exchange } from './exchange.ts';
import { play } from './play.ts';
import { Recordings } from './recordings.ts';

let folder: ScratchDirectory;
beforeAll(async () => {
  folder = await scratchDirectory();
});
afterAll(() => folder[Symbol.asyncDispose]());

const digest = 'd'.repeat(64);
const anExchange = (text = 'Hello.', at = 0): Exchange => ({
  format: 1,
  digest,
  recorded_at: '2026-01-01T00:00:00.000Z',
  from: { provider: 'p', model: 'm', cost_micros: null, price_version: 'none' },
  request: {} as Exchange['request'],
  usage: { input: 1, cacheRead: 0, cacheWrite: 0, output: 1, reasoning: 0 },
  answer: [
    { at: 0, type: 'start', id: 'x', model: 'm' },
    { at, type: 'text', text },
    { at, type: 'finish', reason: 'stop' },
  ],
});
const recordings = (): Recordings => new Recordings({ dir: folder.path, canRecord: false, pace: 'none' });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

describe('an exchange that is kept', () => {
  test('takes the place of the one before it, is for its owner alone to read, and leaves nothing else', async () => {
    const orgId = newId();
    await recordings().keep(orgId, anExchange('Old.'));
    await recordings().keep(orgId, anExchange('New.'));
    expect(await recordings().get(orgId, { digest, model: 'm' })).toEqual(anExchange('New.'));
    expect(await readdir(join(folder.path, orgId))).toEqual([`${digest}.json`]);
    expect((await stat(join(folder.path, orgId, `${digest}.json`))).mode & 0o077).toBe(0);
    expect(await codeOf(recordings().get(newId(), { digest, model: 'm' }))).toBe('replay.missing');
  });

  test('is refused when it is too large, and nothing of it stays', async () => {
    const orgId = newId();
    const kept = codeOf(recordings().keep(orgId, anExchange('x'.repeat(9 << 20))));
    expect(await kept).toMatch(/larger than/);
    expect(await codeOf(readdir(join(folder.path, orgId)))).toBe('ENOENT');
  });
});

test.each([
  ['broken off', '{"format": 1, '],
  ['too large', 'x'.repeat(9 << 20)],
])('a file that is %s is told apart from one that is not there', async (_how, content) => {
  const orgId = newId();
  await mkdir(join(folder.path, orgId));
  await writeFile(join(folder.path, orgId, `${digest}.json`), content);
  expect(await codeOf(recordings().get(orgId, { digest, model: 'm' }))).toBe('replay.unreadable');
});

test.each([
  ['none', 60_000, 0],
  ['recorded', 150, 140],
] as const)('an answer is played at the pace %s', async (pace, at, least) => {
  const began = performance.now();
  const types: string[] = [];
  for await (const { type } of play(anExchange('Hello.', at), pace, new AbortController().signal)) types.push(type);
  const took = performance.now() - began;
  expect(types).toEqual(['start', 'text', 'usage', 'finish']);
  expect([took >= least, took < 30_000]).toEqual([true, true]);
});

test('an answer whose caller leaves is played no further', async () => {
  const leaving = new AbortController();
  const playing = play(anExchange('Hello.', 60_000), 'recorded', leaving.signal);
  expect((await playing.next()).value).toMatchObject({ type: 'start' });
  const next = playing.next();
  leaving.abort();
  await expect(next).rejects.toMatchObject({ name: 'AbortError' });
});
