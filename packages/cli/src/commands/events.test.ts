import { expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { events, WireServer } from '../../test/wire-server.ts';

const event = (id: string, type: string, data: object = { a: 1 }) => ({
  id,
  event: type,
  data: { id, type, subject: 's', organization_id: 'o', occurred_at: '2026-01-02T03:04:05.000Z', data },
});

/** Follows what a server tells until that much of it is shown. */
async function tail(args: string[], server: WireServer): Promise<{ stdout: string; stderr: string }> {
  const stop = new AbortController();
  const tailing = assay(['events', 'tail', ...args], { url: server.url, signal: stop.signal });
  await expect.poll(() => server.received.length).toBeGreaterThan(1);
  stop.abort(new Error('Interrupted.'));
  return tailing;
}

test('events are shown a line each, by type and subject, and the connection is taken up after the last', async () => {
  await using server = await WireServer.start({
    'GET /v1/events/stream': events([event('1-1', 'team.created'), event('1-2', 'team.deleted', { b: '\u009b2J' })]),
  });
  const { stdout, stderr } = await tail(['--type', 'team.*', '--type', '*.failed', '--subject', 's'], server);
  const lines = stdout.split('\n');
  expect(lines[0]).toBe('2026-01-02T03:04:05.000Z\tteam.created\ts\t{"a":1}\t1-1');
  expect(lines[1]).not.toContain('\u009b');
  expect(stderr).toContain('reconnected');
  expect(server.received[0]?.url).toBe('/v1/events/stream?types=team.*%2C*.failed&subjects=s');
  expect(server.received[1]?.headers['last-event-id']).toBe('1-2');
});

test('events are given as JSON, behind the one that was seen', async () => {
  await using server = await WireServer.start({
    'GET /v1/events/stream': events([event('2-1', 'team.created')]),
  });
  const { stdout } = await tail(['--after', '1-2', '--jsonl'], server);
  expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({ id: '2-1', type: 'team.created', data: { a: 1 } });
  expect(server.received[0]?.headers['last-event-id']).toBe('1-2');
});

test('what the server refuses is said with what to do', async () => {
  const error = { code: 'event_gone', message: 'Events behind this id are not kept any more.', request_id: 'r' };
  await using server = await WireServer.start({
    'GET /v1/events/stream': { status: 410, json: { data: null, error } },
  });
  const { exit, stderr } = await assay(['events', 'tail', '--after', '1-1'], server);
  expect(exit).not.toBe(0);
  expect(stderr).toContain('not kept any more');
});
