import { allRoutes, type Route, type SocketMessage } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { expectErrorShape } from './harness/error-shapes.ts';
import { addEstate } from './harness/estate.ts';
import { declaredOf } from './harness/permissions.ts';
import { callOf, comesBack, endsItself, isOwnAccount, nameOf, send, signsIn } from './harness/route-call.ts';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { addTenant } from './harness/tenant.ts';

/*
 * Two organizations on one server, each with one of everything. The tests are made from the list of routes: a route
 * that is added is held to them, or fails here until it is said how it is called.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

const mine = { apiKey: server.credentials.apiKey, canary: 'kestrel' };
const theirs = { ...(await addTenant(server, 'foreign')), canary: 'cormorant' };
const myEstate = await addEstate(server, runner, mine);
const theirEstate = await addEstate(server, runner, theirs);
const me = server.as(mine.apiKey);
const them = server.as(theirs.apiKey);

const named = (routes: readonly Route[]): [string, Route][] => routes.map((route) => [nameOf(route), route]);
/** What governs the installation reaches into every organization; `me` is the first key, which may. */
const isAboutAll = ({ operation }: Route): boolean =>
  declaredOf(operation).scope === 'platform' ||
  ['tenancy.organization.restore', 'audit.entry.list', 'audit.entry.summarize'].includes(operation ?? '');
const governed = allRoutes.filter(
  (route) =>
    route.operation !== null && !signsIn(route) && !isAboutAll(route) && !isOwnAccount(route) && !comesBack(route),
);
const aboutOne = governed.filter(({ params }) => params !== undefined);
// A domain is proved by a record that nobody publishes here.
const lasting = aboutOne.filter((route) => !endsItself(route) && route.operation !== 'identity.provider.verify_domain');
const overAll = governed.filter((route) => route.params === undefined && !endsItself(route));

/** An answer without what differs from request to request: what is left must give nothing away. */
const anonymised = ({ status, text }: Answer, id: string): string =>
  `${status} ${text.replaceAll(id, 'ID')}`.replace(/"(request_id|trace_id|timestamp)":"[^"]*"/g, '"$1":""');

/** An id of the same form that nobody has. */
const unknownId = (id: string): string => id.replace(/[0-9a-z](?=[^0-9a-z]*$)/, (last) => (last === '0' ? '1' : '0'));

describe('a route about one thing', () => {
  test.each(named(aboutOne))(
    '%s finds nothing of another organization, and does not say that it exists',
    async (_, route) => {
      const call = callOf(route, theirEstate);
      const id = decodeURIComponent(
        call.path.split('/').find((part) => Object.values(theirEstate).includes(part)) ?? '',
      );
      const foreign = await send(me, call);
      const unknown = await send(me, { ...call, path: call.path.replace(id, unknownId(id)) });
      expect(foreign.status).toBe(404);
      expectErrorShape(route.surface, foreign.body);
      expect(anonymised(foreign, id)).toBe(anonymised(unknown, unknownId(id)));
      expect(foreign.text).not.toContain(theirs.canary);
    },
  );

  test.each(named(lasting))('%s finds the same thing for its owner', async (_, route) => {
    const answer = await send(them, callOf(route, theirEstate));
    expect(answer.status).toBe(Number(Object.keys(route.answers)[0]));
  });
});

test('every route of jobs, workflows, files, events and webhooks is called here by its owner, and answers', () => {
  const wanted = allRoutes.filter(({ path }) => /^\/v1\/(jobs|workflow-\w+|assets|events|webhooks)(\/|$)/.test(path));
  expect(wanted.length).toBeGreaterThan(50);
  expect(wanted.filter((route) => !lasting.includes(route) && !overAll.includes(route)).map(nameOf)).toEqual([]);
});

describe('a route about one’s own account', () => {
  test.each(named(allRoutes.filter(isOwnAccount)))('%s is not for a key, whoever made it', async (_, route) => {
    const answer = await send(me, callOf(route, myEstate));
    expect(answer.status).toBe(403);
    expectErrorShape(route.surface, answer.body);
  });
});

describe('a route over all things', () => {
  test.each(named(overAll))('%s shows nothing of another organization', async (_, route) => {
    const answer = await send(me, callOf(route, myEstate));
    expect(answer.status).toBe(Number(Object.keys(route.answers)[0]));
    for (const word of [theirs.orgId, ...Object.values(theirEstate)]) expect(answer.text).not.toContain(word);
  });

  test('counts are those of the organization', async () => {
    const before = (await me.get('/api/queue-status')).body as { total_tasks: number };
    await server.sdk(theirs.apiKey).evaluations.submitBatch([{ code: 'print(1)' }, { code: 'print(2)' }]);
    expect((await me.get('/api/queue-status')).body).toMatchObject({ total_tasks: before.total_tasks });
    const { body } = await me.get('/api/evaluations');
    expect(body).toMatchObject({ count: before.total_tasks });
    expect((await me.get('/api/status')).body).toMatchObject({ storage: { total_evaluations: before.total_tasks } });
  });
});

test('the audit log of all organizations is their own to who does not govern the installation', async () => {
  const { text } = await them.get('/v1/audit-logs?limit=10000');
  expect(text).toContain(theirs.orgId);
  for (const word of Object.values(myEstate)) expect(text).not.toContain(word);
  const counted = await them.get('/v1/audit-logs/stats?group_by=org_id');
  const { buckets } = (counted.body as { data: { stats: { buckets: { group: object }[] } } }).data.stats;
  expect(new Set(buckets.map(({ group }) => JSON.stringify(group)))).toEqual(
    new Set([JSON.stringify({ org_id: theirs.orgId })]),
  );
});

describe('a stream', () => {
  /** Does the same in both organizations, theirs first; the streams are in order, so mine comes last. */
  async function actInBoth(): Promise<{ mine: string; theirs: string }> {
    const foreign = await server.sdk(theirs.apiKey).evaluations.submit({ code: 'print(1)' });
    await server.sdk(theirs.apiKey).evaluations.kill(foreign.eval_id);
    const own = await server.sdk(mine.apiKey).evaluations.submit({ code: 'print(1)' });
    return { mine: own.eval_id, theirs: foreign.eval_id };
  }

  const myHeaders = { 'x-api-key': mine.apiKey };

  test('/ws tells of the own organization only, also when asked for a foreign evaluation', async () => {
    using all = await Socket.open<SocketMessage>(server.url, '/ws', myHeaders);
    using asked = await Socket.open<SocketMessage>(
      server.url,
      `/ws?after=0-0&eval_id=${theirEstate.evalId}`,
      myHeaders,
    );
    asked.send({ type: 'subscribe', eval_id: theirEstate.deadLetterId });
    const acted = await actInBoth();
    asked.send({ type: 'subscribe', eval_id: acted.mine });
    await all.message('my evaluation is told of', ({ eval_id }) => eval_id === acted.mine);
    const late = await server.sdk(mine.apiKey).evaluations.kill(acted.mine);
    expect(late.killed).toBe(true);
    await asked.message('my kill is told of', ({ eval_id }) => eval_id === acted.mine);
    for (const { messages } of [all, asked]) {
      expect(JSON.stringify(messages)).not.toContain(acted.theirs);
      expect(JSON.stringify(messages)).not.toContain(theirEstate.evalId);
    }
  });

  test('/v1/events/ws tells of the own organization only', async () => {
    using socket = await Socket.open<{ subject: string }>(server.url, '/v1/events/ws?after=0-0', myHeaders);
    const acted = await actInBoth();
    await socket.message('my evaluation is told of', ({ subject }) => subject === acted.mine);
    expect(JSON.stringify(socket.messages)).not.toContain(acted.theirs);
    expect(JSON.stringify(socket.messages)).not.toContain(theirs.canary);
  });

  test('/v1/events/stream tells of the own organization only, also when asked for a foreign subject', async () => {
    const acted = await actInBoth();
    const { events } = server.sdk(mine.apiKey);
    const subjects = [theirEstate.evalId, theirEstate.keyId, acted.theirs, acted.mine];
    for await (const event of events.stream({ subjects }, { lastEventId: '0-0' })) {
      expect(event.organization_id).not.toBe(theirs.orgId);
      expect(event.subject).toBe(acted.mine);
      break;
    }
  });
});

test('the same idempotency key in two organizations names two requests', async () => {
  const headers = { 'idempotency-key': 'the-same-in-both' };
  const own = await me.post('/api/eval', { code: 'print("own")' }, headers);
  const foreign = await them.post('/api/eval', { code: 'print("foreign")' }, headers);
  expect([own.status, foreign.status]).toEqual([200, 200]);
  expect(foreign.headers.has('idempotent-replayed')).toBe(false);
  expect((own.body as { eval_id: string }).eval_id).not.toBe((foreign.body as { eval_id: string }).eval_id);
});

test('what was tried on the things of another organization left them as they were', async () => {
  const assay = server.sdk(theirs.apiKey);
  expect(await assay.evaluations.get(theirEstate.evalId)).toMatchObject({ status: 'completed', output: theirs.canary });
  const asset = await them.get(`/v1/assets/${theirEstate.assetId}`);
  expect(asset).toMatchObject({ status: 200, text: theirs.canary });
});
