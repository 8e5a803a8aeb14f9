import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { delivery, HEALTHY, webhook } from '../../test/samples.ts';
import { events, WireServer } from '../../test/wire-server.ts';

test('a webhook is made of an address and patterns, and its secret is shown', async () => {
  await using server = await WireServer.start(HEALTHY);
  const args = ['webhooks', 'create', webhook.url, '--event', 'budget.*', '--event', '*.failed', '--subject', 'b1'];
  const { exit, stdout, stderr } = await assay(args, server);
  expect(exit).toBe(0);
  expect(stdout).toContain('secret\twhsec_new\n');
  expect(stderr).toContain('shown this once');
  expect(JSON.parse(server.last.body)).toEqual({
    url: webhook.url,
    event_types: ['budget.*', '*.failed'],
    subjects: ['b1'],
  });
});

test('a webhook is changed in what is said, and nothing else', async () => {
  await using server = await WireServer.start(HEALTHY);
  const change = ['--event', 'a.*', '--event', 'b.*', '--all-subjects'];
  expect((await assay(['webhooks', 'update', webhook.id, ...change], server)).exit).toBe(0);
  expect(JSON.parse(server.last.body)).toEqual({ event_types: ['a.*', 'b.*'], subjects: [] });
});

test('a webhook is deleted only when that is meant', async () => {
  await using server = await WireServer.start(HEALTHY);
  expect((await assay(['webhooks', 'delete', webhook.id], server)).exit).toBe(2);
  expect(server.received).toEqual([]);
});

test('a test is waited for, and shows why it failed', async () => {
  let looks = 0;
  await using server = await WireServer.start({
    ...HEALTHY,
    [`POST /v1/webhooks/${webhook.id}/test`]: {
      status: 202,
      json: { data: { delivery: { ...delivery, status: 'pending' } } },
    },
    [`GET /v1/webhooks/${webhook.id}/deliveries/${delivery.id}`]: () => ({
      json: { data: { delivery: { ...delivery, status: ++looks === 1 ? 'pending' : 'failed' } } },
    }),
  });
  const { stdout } = await assay(['webhooks', 'test', webhook.id], server);
  expect(stdout).toContain('\tfailed\t10\t500\t');
  expect(stdout).toContain('It answered 500.');
  expect(looks).toBe(2);
});

describe('listen', () => {
  const event = (id: string, type: string) => ({
    id,
    event: type,
    data: { id, type, subject: 's', organization_id: 'o', occurred_at: '2026-01-02T03:04:05.000Z', data: { a: 1 } },
  });

  test('posts events to a program, signed, and says what it answered', async () => {
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const stop = new AbortController();
    await using server = await WireServer.start({
      'GET /v1/events/stream': (received, response) => {
        const all = [event('1-1', 'team.created'), event('1-2', 'team.deleted')];
        return events(received.headers['last-event-id'] ? [] : all)(received, response);
      },
    });
    await using program = await WireServer.start({
      'POST /hook': ({ body }) => ({ status: body.includes('team.created') ? 204 : 500 }),
    });
    const options = { url: server.url, signal: stop.signal };
    const args = ['listen', '--forward-to', `${program.url}/hook`, '--event', 'team.*', '--secret', secret];
    const listening = assay([...args, '--jsonl'], options);
    await expect.poll(() => program.received.length).toBe(2);
    stop.abort(new Error('Interrupted.'));
    const { stdout } = await listening;
    expect(server.received[0]?.url).toBe('/v1/events/stream?types=team.*');
    const told = stdout.split('\n').slice(0, 2);
    expect(told.map((line) => JSON.parse(line).response_status)).toEqual([204, 500]);
    const [first] = program.received;
    if (!first) throw new Error('Nothing was forwarded.');
    expect(new Webhook(secret).verify(first.body, first.headers as Record<string, string>)).toEqual({
      type: 'team.created',
      timestamp: '2026-01-02T03:04:05.000Z',
      organization_id: 'o',
      subject: 's',
      data: { a: 1 },
    });
  });

  test.each([[['--forward-to', 'nowhere']], [['--forward-to', 'http://localhost:1/', '--secret', 'abc']], [[]]])(
    'refuses %j before anything is asked',
    async (args) => {
      await using server = await WireServer.start({});
      expect((await assay(['listen', ...args], server)).exit).toBe(2);
      expect(server.received).toEqual([]);
    },
  );
});
