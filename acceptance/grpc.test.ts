import { once } from 'node:events';
import type { AuditEntry } from '@assay/contract';
import {
  AuthzService,
  EvaluationService,
  EvaluationState,
  EventService,
  Health,
  IdentityService,
  LogStream,
  ServingStatus,
} from '@assay/contract/grpc';
import type { ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inDatabase } from './harness/database.ts';
import { GrpcClient, readRefusal, refusalOf } from './harness/grpc-client.ts';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/* Evaluations, events, identity and permissions over gRPC, by the library that everybody uses, with rate limits on. */
const server = await Server.start({ args: ['--role', 'api,worker'], awaitReady: false });
afterAll(() => server[Symbol.asyncDispose]());
let runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

const evaluations = EvaluationService.method;
const { subscribe } = EventService.method;
const [RESOURCE_EXHAUSTED, FAILED_PRECONDITION, INVALID_ARGUMENT, UNAUTHENTICATED, UNAVAILABLE, DEADLINE_EXCEEDED] = [
  8, 9, 3, 16, 14, 4,
];

let me: GrpcClient;
beforeAll(async () => {
  me = await GrpcClient.of(server);
});
afterAll(() => me[Symbol.dispose]());

/** A caller with a key of its own: what it uses up is nobody else's. */
async function another(scopes: string[]): Promise<{ id: string; client: GrpcClient } & Disposable> {
  const { api_key, raw_key } = await server.sdk().apiKeys.create({ name: 'Key of a test', scopes });
  const client = await GrpcClient.of(server, raw_key);
  return { id: api_key.id, client, [Symbol.dispose]: () => client[Symbol.dispose]() };
}

/** Submits a program and lets the runner end it. */
async function ended(output: string): Promise<string> {
  const { id } = (await me.call(evaluations.submit, { evaluation: { code: 'print(1)' } })).message;
  runner.report(await runner.lease(id), output);
  await me.call(evaluations.get, { id, waitSeconds: 15 });
  return id;
}

/** Kills what the idle runner was given, and lets the runner confirm it. */
async function kill(id: string): Promise<boolean> {
  const lease = await runner.lease(id);
  const killed = me.call(evaluations.kill, { id });
  await runner.hears('cancel', lease);
  runner.report(lease, '', { reason: 'cancelled', exit_code: null });
  return (await killed).message.killed;
}

describe('an evaluation', () => {
  test('is submitted, waited for, read and listed', async () => {
    const submitted = me.call(evaluations.submit, {
      evaluation: {
        code: 'print(open("in.txt").read())',
        files: [{ path: 'in.txt', content: Buffer.from('in') }],
        metadata: { nested: { yes: true } },
        env: { NAME: 'value' },
        timeout: 7,
      },
      waitSeconds: 15,
    });
    const lease = await until('it is given out', () => runner.leases.at(-1));
    expect(lease.spec).toMatchObject({ env: { NAME: 'value' }, limits: { wall_ms: 7_000 } });
    runner.report(lease, 'done', { exit_code: 3, reason: 'nonzero_exit', stderr_tail: '' });
    const { id, ended: evaluation } = (await submitted).message;
    expect(evaluation).toMatchObject({
      id,
      state: EvaluationState.FAILED,
      output: 'done',
      exitCode: 3,
      metadata: { nested: { yes: true } },
      createdBy: { kind: 'api_key' },
    });
    const { message } = await me.call(evaluations.get, { id });
    expect(message.evaluation).toEqual(evaluation);
    // The same record, by another way in.
    expect(await server.sdk().evaluations.get(id)).toMatchObject({ status: 'failed', output: 'done', exit_code: 3 });
  });

  test('appears in pages that together are the whole list', async () => {
    for (let count = 0; count < 3; count++) await ended(`${count}`);
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = (await me.call(evaluations.list, { pageSize: 2, pageToken })).message;
      seen.push(...page.evaluations.map(({ id }) => id));
      expect(page.evaluations.length).toBeLessThanOrEqual(2);
      expect(page.totalSize).toBeGreaterThanOrEqual(3);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const whole = (await me.call(evaluations.list, {})).message.evaluations.map(({ id }) => id);
    expect(seen).toEqual(whole);
    const failed = (await me.call(evaluations.list, { state: EvaluationState.FAILED })).message;
    expect(failed.evaluations.every(({ state }) => state === EvaluationState.FAILED)).toBe(true);
  });

  test('is killed or cancelled, queued or running', async () => {
    const { message: queued } = await me.call(evaluations.submit, { evaluation: { code: 'print(1)', priority: 0 } });
    await runner.lease(queued.id);
    const { message: waiting } = await me.call(evaluations.submit, { evaluation: { code: 'print(2)' } });
    expect((await me.call(evaluations.get, { id: waiting.id })).message.evaluation).toMatchObject({ queuePosition: 1 });
    expect((await me.call(evaluations.cancel, { id: waiting.id })).message).toMatchObject({
      cancelled: true,
      state: EvaluationState.CANCELLED,
    });
    expect(await kill(queued.id)).toBe(true);
    expect((await me.call(evaluations.kill, { id: queued.id })).message.killed).toBe(false);
  });

  test('is refused by the names of the fields at fault', async () => {
    const refusal = await refusalOf(
      me.call(evaluations.submit, { evaluation: { code: ' ', files: [{ path: '../x' }], timeout: 0 }, waitSeconds: 1 }),
    );
    expect(refusal).toMatchObject({ code: INVALID_ARGUMENT, reason: 'request.invalid' });
    expect(refusal.fields.sort()).toEqual(['evaluation.code', 'evaluation.files.0.path', 'evaluation.timeout']);
  });

  test('of a batch is accepted or refused on its own', async () => {
    const { message } = await me.call(evaluations.submitBatch, { evaluations: [{ code: ' ' }, { code: 'print(1)' }] });
    expect(message.outcomes.map(({ outcome }) => outcome.case)).toEqual(['refused', 'accepted']);
    const [, accepted] = message.outcomes;
    expect(accepted?.outcome.case === 'accepted' && (await kill(accepted.outcome.value.id))).toBe(true);
  });

  test('is one, however often the same idempotency key is sent; another message with that key is refused', async () => {
    const send = (code: string) => me.call(evaluations.submit, { evaluation: { code } }, { 'idempotency-key': 'mine' });
    const answers = await Promise.all(
      [send('print(1)'), send('print(1)'), send('print(1)')].map((call) => call.catch(() => null)),
    );
    const again = await send('print(1)');
    const ids = new Set([...answers, again].flatMap((answer) => answer?.message.id ?? []));
    expect(ids.size).toBe(1);
    expect(again.trailers.get('idempotent-replayed')).toEqual(['true']);
    expect((await refusalOf(send('print(2)'))).reason).toBe('idempotency.key_reused');
    await kill(again.message.id);
  });

  test('ends for its caller at the deadline, and goes on by itself', async () => {
    const before = runner.leases.length;
    const submit = (deadline: number) =>
      me.call(
        evaluations.submit,
        { evaluation: { code: 'print(1)' }, waitSeconds: 30 },
        { 'idempotency-key': 'late' },
        { deadline },
      );
    expect((await refusalOf(submit(Date.now() + 500))).code).toBe(DEADLINE_EXCEEDED);
    runner.report(await until('it is given out', () => runner.leases[before]), 'went on');
    expect((await submit(Date.now() + 30_000)).message.ended).toMatchObject({ output: 'went on' });
    expect(runner.leases).toHaveLength(before + 1);
  });
});

describe('output', () => {
  test('is followed as it comes, to the end, and from where an earlier stream ended', async () => {
    const { id } = (await me.call(evaluations.submit, { evaluation: { code: 'print(1)' } })).message;
    const lease = await runner.lease(id);
    const stream = me.stream(evaluations.streamLogs, { id });
    const told: { text: string; at: bigint }[] = [];
    stream.on('data', ({ position, message }) => {
      if (message.case !== 'chunk') return;
      expect(message.value.stream).toBe(LogStream.STDOUT);
      told.push({ text: message.value.text, at: position?.stdout ?? 0n });
    });
    const finished = once(stream, 'end');
    runner.output(lease, 0, 'first ');
    await until('the first piece', () => told.length === 1);
    expect((await me.call(evaluations.getLogs, { id })).message).toMatchObject({
      output: 'first ',
      state: EvaluationState.RUNNING,
      truncated: false,
    });
    runner.output(lease, 6, 'second');
    await until('the second piece', () => told.length === 2);
    runner.report(lease, 'first second');
    await finished;
    expect(told.map(({ text }) => text).join('')).toBe('first second');

    const after = { stdout: told[0]?.at ?? 0n, stderr: 0n };
    const rest = await me.stream(evaluations.streamLogs, { id, after }).toArray();
    expect(rest.map(({ message }) => (message.case === 'chunk' ? message.value.text : message.case))).toEqual([
      'second',
      'end',
    ]);
    expect((await me.call(evaluations.getLogs, { id })).message).toMatchObject({ output: 'first second', exitCode: 0 });
  });
});

describe('events', () => {
  test('are told from now on, of the types and things that are asked for', async () => {
    const stream = me.stream(subscribe, { types: ['evaluation.completed'] });
    const told: string[] = [];
    let begun = false;
    stream.on('data', ({ event }) => {
      begun = true;
      if (event) told.push(event.subject);
    });
    await until('it has begun', () => begun);
    const ids = [await ended('a'), await ended('b')];
    await until('both are told', () => ids.every((id) => told.includes(id)));
    // What was committed a moment before may have been read by nobody yet: then it is told too, ahead of these.
    expect(told.slice(-2)).toEqual(ids);
    stream.cancel();
  });

  test('go on after the position of another stream: none is missed, none is told twice, also across a restart', async () => {
    const positions: string[] = [];
    const follow = (client: GrpcClient, after: string) =>
      client.stream(subscribe, { after }).on('data', ({ position, event }) => event && positions.push(position));
    const failed = once(follow(me, '0-0'), 'error') as Promise<[ServiceError]>;
    await ended('before');
    await until('some are told', () => positions.length > 3);
    await server.stop();
    expect(readRefusal((await failed)[0])).toMatchObject({ code: UNAVAILABLE, reason: 'server.stopping' });
    runner[Symbol.dispose]();
    await server.start();
    runner = await ScriptedRunner.connect(server);
    await server.ready();
    me[Symbol.dispose]();
    me = await GrpcClient.of(server);
    await ended('after');

    const second = follow(me, positions.at(-1) ?? '');
    const { rows } = await inDatabase(server, async (client) => {
      await client.query('set role assay_system');
      return client.query<{ position: string }>(
        `select xid::text || '-' || id as position from events
         where org_id = (select org_id from api_keys order by created_at limit 1) order by xid, id`,
      );
    });
    await until('all are told', () => positions.length >= rows.length);
    expect(positions).toEqual(rows.map(({ position }) => position));
    second.cancel();
  });

  test('end with the key that they are told to', async () => {
    using other = await another(['events:read']);
    const stream = other.client.stream(subscribe, {});
    await once(stream, 'data');
    stream.resume();
    const failed = once(stream, 'error');
    await server.sdk().apiKeys.revoke(other.id);
    const [error] = (await failed) as [ServiceError];
    expect(error.code).toBe(UNAUTHENTICATED);
    expect((await refusalOf(other.client.call(IdentityService.method.me, {}))).code).toBe(UNAUTHENTICATED);
  });
});

describe('governance is that of every way in', () => {
  test('an act is audited as done over gRPC, under the request id that the caller was told', async () => {
    const { message, initial } = await me.call(evaluations.submit, { evaluation: { code: 'print(1)' } });
    await kill(message.id);
    const [requestId] = initial.get('x-request-id');
    const entry = await until('it is in the log', async () => {
      const { body } = await server.as().get('/v1/audit-logs?limit=20');
      const { audit_logs } = (body as { data: { audit_logs: AuditEntry[] } }).data;
      return audit_logs.find(({ request_id }) => request_id === requestId);
    });
    expect(entry).toMatchObject({ via: 'grpc', event_type: 'evaluation.submitted', target: { id: message.id } });
  });

  test('a limit is told in the trailers, and its end with when to come back', async () => {
    using other = await another(['evaluations:write']);
    const call = () => other.client.call(evaluations.submitBatch, { evaluations: [{ code: ' ' }] });
    const { trailers } = await call();
    expect(trailers.get('x-ratelimit-limit')).toEqual(['10']);
    for (let count = 0; count < 9; count++) await call();
    const refusal = await refusalOf(call());
    expect(refusal).toMatchObject({ code: RESOURCE_EXHAUSTED, reason: 'rate.limited' });
    expect(refusal.retryAfterSeconds).toBeGreaterThan(0);
    expect(refusal.trailers.get('x-ratelimit-remaining')).toEqual(['0']);
  });

  test('what new work needs is not there when billing has ended; reading and stopping go on', async () => {
    const { id } = (await me.call(evaluations.submit, { evaluation: { code: 'print(1)' } })).message;
    await setPosture('past_due');
    try {
      const refusal = await refusalOf(me.call(evaluations.submit, { evaluation: { code: 'print(1)' } }));
      expect(refusal).toMatchObject({ code: FAILED_PRECONDITION, reason: 'access.billing_inactive' });
      expect((await me.call(evaluations.get, { id })).message.evaluation?.id).toBe(id);
      expect(await kill(id)).toBe(true);
    } finally {
      await setPosture('active');
    }
  });

  test('decisions are those that the calls themselves meet', async () => {
    using other = await another(['evaluations:read']);
    const id = await ended('x');
    const ask = async (action: string, of = id) =>
      (
        await other.client.call(AuthzService.method.check, {
          check: { action, resource: { type: 'evaluation', id: of } },
        })
      ).message.verdict;
    expect(await ask('evaluations:read')).toMatchObject({
      allowed: true,
      reason: 'scope',
      matched: { scope: 'evaluations:read' },
    });
    expect(await ask('evaluations.evaluation.kill')).toMatchObject({ allowed: false });
    expect(await ask('read', 'eval_20250629_123456_abc123')).toMatchObject({ allowed: false, reason: 'not_found' });
    const { results } = (
      await other.client.call(AuthzService.method.checkBatch, {
        checks: [
          { action: 'dance', resource: { type: 'evaluation' } },
          { action: 'read', resource: { type: 'evaluation' } },
        ],
      })
    ).message;
    expect(results.map(({ result }) => result.case)).toEqual(['error', 'verdict']);
  });

  test('a caller is told who it is, where, and what it may do', async () => {
    const { principal } = (await me.call(IdentityService.method.me, {})).message;
    expect(principal).toMatchObject({ kind: 'api_key', posture: 'active' });
    const { organizations } = (await me.call(IdentityService.method.listOrganizations, {})).message;
    expect(organizations.map(({ id }) => id)).toEqual([principal?.organizationId]);
    const { scopes, grants } = (await me.call(IdentityService.method.listPermissions, {})).message;
    expect(scopes.map(({ scope }) => scope)).toEqual(principal?.scopes);
    expect(grants.map(({ kind }) => kind)).toContain('key_template');
  });
});

/** As the billing of the installation does it, on every node at once. */
async function setPosture(posture: string): Promise<void> {
  const { principal } = (await me.call(IdentityService.method.me, {})).message;
  const changed = await server.as().send('PATCH', `/v1/organizations/${principal?.organizationId}/billing`, {
    body: { posture },
  });
  if (changed.status !== 200) throw new Error(`The posture could not be set: ${changed.text}`);
}

test('health is told to anybody, and changes with what the process can do', async () => {
  const told: ServingStatus[] = [];
  const stream = me.stream(Health.method.watch, { service: 'assay.v1.EvaluationService' });
  stream.on('data', ({ status }) => told.push(status));
  await until('it is told', () => told.length === 1);
  runner[Symbol.dispose]();
  await until('it is told of the loss', () => told.length === 2);
  expect((await me.call(Health.method.check, { service: 'assay.v1.IdentityService' })).message.status).toBe(
    ServingStatus.SERVING,
  );
  runner = await ScriptedRunner.connect(server);
  await until('it is told of the return', () => told.length === 3);
  expect(told).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING, ServingStatus.SERVING]);
  stream.cancel();
});
