import { EXIT_CODES } from '@assay/contract/exit-codes';
import { expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { HEALTHY } from '../../test/samples.ts';
import { WireServer } from '../../test/wire-server.ts';

const entry = (index: number) => ({
  id: `id-${index}`,
  timestamp: '2026-01-02T03:04:05.000006Z',
  event_type: 'apikey.created',
  outcome: 'allowed',
  principal: { kind: 'user', id: 'u1' },
  via: 'cli',
  target: { type: 'api_key', id: 'k1' },
  index,
});
const page = (indexes: number[], next?: string) => ({
  json: { data: { audit_logs: indexes.map(entry) }, links: { self: '/v1/audit-logs', ...(next && { next }) } },
});

test('the log is listed page by page, with its filters', async () => {
  await using server = await WireServer.start({
    ...HEALTHY,
    'GET /v1/audit-logs': ({ url }) => (url.includes('cursor=') ? page([0]) : page([2, 1], '/v1/audit-logs?cursor=c')),
  });
  const listed = await assay(['audit', 'list', '--filter', 'via=cli,http', '--filter', 'target_id!=', '-q'], server);
  expect(listed).toMatchObject({ exit: 0, stdout: 'id-2\nid-1\nid-0\n' });
  const [first] = server.received.filter(({ url }) => url.startsWith('/v1/audit-logs?'));
  expect(new URLSearchParams(first?.url.split('?')[1]).getAll('filter')).toEqual(['via=cli,http', 'target_id!=']);
  expect((await assay(['audit', 'list', '--limit', '2', '-q'], server)).stdout).toBe('id-2\nid-1\n');
});

test('the checkpoint is printed as it is kept: as a note', async () => {
  const checkpoint = { origin: 'o', size: 1, root: 'r', note: 'o\n1\nr\n\n— o s\n' };
  await using server = await WireServer.start({
    ...HEALTHY,
    'GET /v1/audit-logs/checkpoint': { json: { data: { checkpoint } } },
  });
  expect((await assay(['audit', 'checkpoint'], server)).stdout).toBe(checkpoint.note);
});

test('what cannot be verified is told as such', async () => {
  await using server = await WireServer.start(HEALTHY);
  const missing = await assay(['audit', 'verify', '/nowhere/log.ndjson'], server);
  expect([missing.exit, missing.stderr]).toEqual([EXIT_CODES.failed, expect.stringContaining('/nowhere/log.ndjson')]);
  const key = await assay(['audit', 'verify', '-', '--key', 'a+00000000+AAAA'], server);
  expect([key.exit, key.stderr]).toEqual([EXIT_CODES.usage, expect.stringContaining('no key of a checkpoint')]);
});
