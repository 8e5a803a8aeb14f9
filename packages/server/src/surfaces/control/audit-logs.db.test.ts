import { controlRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { aLeaf, aSequencer, commitLeaves, sequenceAll } from '../../../test/audit-log.ts';
import { testDatabase } from '../../../test/database.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { newId } from '../../kernel/ids.ts';
import { INSTALLATION, type Leaf, type Sequencer } from '../../modules/audit/index.ts';

const db = testDatabase();
let api: ServedApi;
let sequencer: Sequencer;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off']);
  sequencer = aSequencer(db.system, api.app.core.checkpointKeys);
});
afterAll(() => api[Symbol.asyncDispose]());

type Row = {
  id: string;
  org_id: string;
  event_type: string;
  index: number;
  user_id: string;
  principal: { id: string };
};
type Page = { data: { audit_logs: Row[] }; links: { next?: string } };

/** An organization with these leaves in its log, and a key that may read it. */
async function aLog(leaves: (orgId: string) => Partial<Leaf>[], scopes: readonly string[] = ['audit:read']) {
  const person = await aPerson(db);
  const { raw, id } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes });
  await commitLeaves(
    db,
    leaves(person.orgId).map((leaf) => aLeaf(person.orgId, leaf)),
  );
  await sequenceAll(sequencer);
  return { orgId: person.orgId, userId: person.userId, key: raw, keyId: id };
}

const made = (count: number): Partial<Leaf>[] =>
  Array.from({ length: count }, (_, at) => ({ action: `thing.made_${at}` }));
const actions = (answer: Answer): string[] => (answer.body as Page).data.audit_logs.map(({ event_type }) => event_type);

function expectContract(answer: Answer, route: { answers: Readonly<Record<number, { schema?: z.ZodType }>> }): void {
  const schema = route.answers[answer.status]?.schema;
  expect(schema, answer.text).toBeDefined();
  expect(schema?.parse(answer.body)).toEqual(answer.body);
}
const expectRefusal = (answer: Answer, status: number, code: string): void =>
  expect(answer).toMatchObject({ status, body: { error: { code } } });

describe('the list of an organization', () => {
  test('has the fields of the contract, newest first', async () => {
    const { orgId, key } = await aLog(() => made(3));
    const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs`, { key });
    expectContract(answer, controlRoutes.listOrganizationAuditLogs);
    expect(actions(answer)).toEqual(['thing.made_2', 'thing.made_1', 'thing.made_0']);
    expect((answer.body as Page).data.audit_logs[0]).toMatchObject({
      org_id: orgId,
      user_id: 'system',
      category: 'audit',
      actor: 'control-plane',
      credential: 'api_key',
      via: 'http',
      personal: { address: '203.0.113.7' },
      index: 2,
    });
  });

  test.each(['asc', 'desc'])('goes on page by page in the order %s, without a gap or a double', async (order) => {
    const { orgId, key } = await aLog(() => made(11));
    const seen: number[] = [];
    let path: string | undefined = `/v1/organizations/${orgId}/audit-logs?limit=3&order=${order}&filter=via=http`;
    while (path !== undefined) {
      const answer: Answer = await api.ask(`GET ${path}`, { key });
      expect(answer.status).toBe(200);
      seen.push(...(answer.body as Page).data.audit_logs.map(({ index }) => index));
      path = (answer.body as Page).links.next;
    }
    const places = Array.from({ length: 11 }, (_, index) => index);
    expect(seen).toEqual(order === 'asc' ? places : places.toReversed());
  });

  const USER = newId();
  const varied = (): Partial<Leaf>[] => [
    { action: 'a.one', actor: { kind: 'user', id: USER }, target: null },
    { action: 'a.two', outcome: 'refused', via: 'grpc', target: null },
    { action: 'evaluation.queued', target: { type: 'workspace', id: 'w1' } },
    { action: 'a.one', detail: { agent_role: 'reviewer' }, target: { type: 'task', id: 't1' } },
  ];
  test.each<[string, number[]]>([
    ['filter=event_type=a.one', [0, 3]],
    ['filter=event_type=a.one,a.two', [0, 1, 3]],
    ['filter=event_type!=a.one', [1, 2]],
    ['filter=event_type=a.one&filter=target_type=task', [3]],
    ['filter=event_type=a.one,a.two&filter=event_type=a.two,x', [1]],
    ['filter=target_id!=', [2, 3]],
    ['filter=target_id=', [0, 1]],
    ['filter=target_id!=w1', [0, 1, 3]],
    [`filter=user_id=${USER}`, [0]],
    [`filter=user_id!=${USER}`, [1, 2, 3]],
    ['filter=user_id=system', [1, 2, 3]],
    [`filter=user_id=system,${USER}`, [0, 1, 2, 3]],
    ['filter=category=activity', [2]],
    ['filter=actor=policy-engine', [1]],
    ['filter=workspace_id=w1', [2]],
    ['filter=agent_role=reviewer', [3]],
    ['filter=outcome=refused&filter=via=grpc', [1]],
    [`filter=event_type=${encodeURIComponent(`x' or '1'='1`)}`, []],
    ['from=2000-01-01T00:00:00Z', [0, 1, 2, 3]],
    ['to=2000-01-01T00:00:00%2B02:00', []],
  ])('with %s has those', async (query, expected) => {
    const { orgId, key } = await aLog(varied);
    const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs?order=asc&${query}`, { key });
    expect(answer.status, answer.text).toBe(200);
    expect((answer.body as Page).data.audit_logs.map(({ index }) => index)).toEqual(expected);
  });

  test('refuses a column that it does not know, and names those that it does', async () => {
    const { orgId, key } = await aLog(() => made(1));
    for (const name of ['colour', 'toString', '__proto__', 'leaf_hash', '']) {
      const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs?filter=${name}=1`, { key });
      expectRefusal(answer, 400, 'validation_failed');
      expect(answer.text).toContain('event_type, category');
    }
  });

  test.each(['x', 'WzFd', 'W10', encodeURIComponent(Buffer.from('["2026","a","1"]').toString('base64url'))])(
    'refuses the cursor %j as such',
    async (cursor) => {
      const { orgId, key } = await aLog(() => made(1));
      const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs?cursor=${cursor}`, { key });
      expectRefusal(answer, 400, 'invalid_cursor');
    },
  );

  test.each(['limit=0', 'limit=10001', 'order=up', 'from=yesterday', 'colour=red', 'filter=event_type'])(
    'refuses %s',
    async (query) => {
      const { orgId, key } = await aLog(() => made(1));
      const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs?${query}`, { key });
      expectRefusal(answer, 400, 'validation_failed');
    },
  );

  test('is not there for another organization', async () => {
    const [mine, theirs] = [await aLog(() => made(1)), await aLog(() => made(1))];
    for (const path of ['', '/stats']) {
      const answer = await api.ask(`GET /v1/organizations/${theirs.orgId}/audit-logs${path}`, { key: mine.key });
      expectRefusal(answer, 404, 'not_found');
    }
  });

  test("has the caller's own acts only, where the permission reaches no further", async () => {
    const log = await aLog(() => made(2), ['audit:read:own']);
    await commitLeaves(db, [aLeaf(log.orgId, { action: 'mine.done', actor: { kind: 'api_key', id: log.keyId } })]);
    await sequenceAll(sequencer);
    for (const path of [`/v1/organizations/${log.orgId}/audit-logs`, '/v1/audit-logs']) {
      expect(actions(await api.ask(`GET ${path}`, { key: log.key }))).toEqual(['mine.done']);
      expect(actions(await api.ask(`GET ${path}?filter=event_type=thing.made_0,mine.done`, { key: log.key }))).toEqual([
        'mine.done',
      ]);
    }
    for (const path of ['checkpoint', 'export', 'proof/inclusion?index=0']) {
      expectRefusal(await api.ask(`GET /v1/audit-logs/${path}`, { key: log.key }), 403, 'permission_denied');
    }
  });
});

describe('the list over all', () => {
  test('has the own organization for a key, nothing for one that may not read, everything for an administrator', async () => {
    const [one, other] = [await aLog(() => made(1)), await aLog(() => made(1))];
    const blind = await aLog(() => made(1), ['events:read']);
    await db.owner.query(
      `insert into platform_grants (principal_kind, principal_id, granted_by) values ('api_key', $1, 'test')`,
      [blind.keyId],
    );
    const orgIds = async (key: string): Promise<string[]> => {
      const answer = await api.ask('GET /v1/audit-logs?filter=event_type=thing.made_0&limit=1000', { key });
      expectContract(answer, controlRoutes.listAuditLogs);
      return (answer.body as Page).data.audit_logs.map(({ org_id }) => org_id);
    };
    expect(await orgIds(one.key)).toEqual([one.orgId]);
    const all = await orgIds(blind.key);
    for (const orgId of [one.orgId, other.orgId, blind.orgId]) expect(all).toContain(orgId);
    const lesser = await aKey(db, { orgId: one.orgId, scopes: ['events:read'] });
    expect(await orgIds(lesser.raw)).toEqual([]);
  });
});

describe('statistics', () => {
  test('count by time and column, and can keep to the most frequent', async () => {
    const { orgId, key } = await aLog(() => [
      ...made(2),
      { action: 'thing.made_0' },
      { action: 'thing.made_0', via: 'grpc' },
    ]);
    const ask = async (query: string) => {
      const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs/stats?${query}`, { key });
      expectContract(answer, controlRoutes.organizationAuditStats);
      const { stats } = (
        answer.body as { data: { stats: { total: number; buckets: { group: object; count: number }[] } } }
      ).data;
      return { total: stats.total, groups: stats.buckets.map(({ group, count }) => ({ ...group, count })) };
    };
    expect(await ask('time_bucket=1d')).toEqual({ total: 4, groups: [{ count: 4 }] });
    expect(await ask('time_bucket=1d&group_by=event_type,via')).toEqual({
      total: 4,
      groups: [
        { event_type: 'thing.made_0', via: 'http', count: 2 },
        { event_type: 'thing.made_0', via: 'grpc', count: 1 },
        { event_type: 'thing.made_1', via: 'http', count: 1 },
      ],
    });
    expect(await ask('time_bucket=1d&top=1:event_type')).toEqual({
      total: 3,
      groups: [{ event_type: 'thing.made_0', count: 3 }],
    });
    expect(await ask('to=2001-01-01T00:00:00Z')).toEqual({ total: 0, groups: [] });
  });

  test.each([
    'group_by=colour',
    'group_by=via,actor,outcome',
    'top=0:via',
    'top=3:colour',
    'metric=sum',
    'time_bucket=2m',
    'bucket_by=latency_ms:10',
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    'from=1990-01-02T00:00:00Z&time_bucket=5m',
  ])('refuse %s', async (query) => {
    const { orgId, key } = await aLog(() => made(1));
    const answer = await api.ask(`GET /v1/organizations/${orgId}/audit-logs/stats?${query}`, { key });
    expectRefusal(answer, 400, 'validation_failed');
  });
});

describe('checkpoints and proofs', () => {
  test('are as the contract says, also for a log without an entry', async () => {
    const { key, orgId } = await aLog(() => made(5));
    const checkpoint = await api.ask('GET /v1/audit-logs/checkpoint', { key });
    expectContract(checkpoint, controlRoutes.auditCheckpoint);
    expect(checkpoint.body).toMatchObject({ data: { checkpoint: { origin: `assay/audit/${orgId}`, size: 5 } } });
    const inclusion = await api.ask('GET /v1/audit-logs/proof/inclusion?index=3&size=4', { key });
    expectContract(inclusion, controlRoutes.auditInclusionProof);
    const { data } = (await api.ask('GET /v1/audit-logs', { key })).body as Page;
    const byId = await api.ask(`GET /v1/audit-logs/proof/inclusion?leaf=${data.audit_logs[0]?.id}`, { key });
    expect(byId.body).toMatchObject({ data: { proof: { index: 4, size: 5 } } });
    expectContract(
      await api.ask('GET /v1/audit-logs/proof/consistency?from=2', { key }),
      controlRoutes.auditConsistencyProof,
    );
    expectContract(await api.ask('GET /v1/audit-logs/keys', { key }), controlRoutes.listAuditKeys);

    const empty = await aLog(() => []);
    const none = await api.ask('GET /v1/audit-logs/checkpoint', { key: empty.key });
    expectContract(none, controlRoutes.auditCheckpoint);
    expect(none.body).toMatchObject({ data: { checkpoint: { size: 0 } } });
    const lines = (await api.ask('GET /v1/audit-logs/export', { key: empty.key })).text.trim().split('\n');
    expect(lines).toHaveLength(2);
  });

  test.each([
    ['inclusion', 400, 'validation_failed'],
    ['inclusion?index=0&leaf=x', 400, 'validation_failed'],
    ['inclusion?index=5', 400, 'validation_failed'],
    ['inclusion?index=0&size=6', 400, 'validation_failed'],
    ['inclusion?index=-1', 400, 'validation_failed'],
    ['inclusion?leaf=x', 404, 'not_found'],
    [`inclusion?leaf=${newId()}`, 404, 'not_found'],
    ['consistency?from=6', 400, 'validation_failed'],
    ['consistency?from=3&to=2', 400, 'validation_failed'],
    ['consistency', 400, 'validation_failed'],
  ])('for %s are refused', async (what, status, code) => {
    const { key } = await aLog(() => made(5));
    expectRefusal(await api.ask(`GET /v1/audit-logs/proof/${what}`, { key }), status, code);
  });

  test("of the installation's own log are for its administrators, whose acts on it are there", async () => {
    const { key } = await aLog(() => made(1));
    expectRefusal(await api.ask('GET /v1/audit-logs/checkpoint?log=installation', { key }), 403, 'permission_denied');
    expectRefusal(await api.ask('POST /v1/audit-logs/keys/rotate', { key }), 403, 'forbidden');
    const admin = await aKey(db, { orgId: (await aPerson(db)).orgId, scopes: ['audit:read'] });
    await db.owner.query(
      `insert into platform_grants (principal_kind, principal_id, granted_by) values ('api_key', $1, 'test')`,
      [admin.id],
    );
    const rotated = await api.ask('POST /v1/audit-logs/keys/rotate', { key: admin.raw });
    expectContract(rotated, controlRoutes.rotateAuditKey);
    await sequenceAll(sequencer);
    const { text } = await api.ask('GET /v1/audit-logs/export?log=installation', { key: admin.raw });
    expect(text).toContain('audit.key_rotated');
    expect(text).toContain(`"principal":{"kind":"api_key","id":"${admin.id}"}`);
    expect(text.split('\n')[0]).toContain(INSTALLATION);
  });
});
