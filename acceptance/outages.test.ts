import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { crowd } from './harness/crowd.ts';
import { Server, type ServerOptions } from './harness/server.ts';
import { severedNetwork } from './harness/severed-network.ts';
import { SmallDisk } from './harness/small-disk.ts';
import { until } from './harness/until.ts';
import { dataOf, native, WorkflowClient } from './harness/workflow-client.ts';

/*
 * What everything stands on is away, full or overrun. Callers are told so and when to come back, nothing that was accepted is
 * lost or left half done, and all of it goes on by itself once it can.
 *
 *   ASSAY_OUTAGE_SECONDS=30 ASSAY_STORM_CLIENTS=5000 npx vitest run --project acceptance acceptance/outages.test.ts
 */
const AWAY_SECONDS = Number(process.env['ASSAY_OUTAGE_SECONDS'] ?? 8);
const CLIENTS = Number(process.env['ASSAY_STORM_CLIENTS'] ?? 2_000);
/** From the moment that everything is there again to the first answer that needs it. */
const RECOVERY_MS = 15_000;
const isRoot = process.getuid?.() === 0;

const PLAIN: ServerOptions = {
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
};

/** A process of its own on the database of another. */
function startAt(databaseUrl: string, { dataDir }: Server): Promise<Server> {
  const env = { ...PLAIN.env, DATABASE_URL: databaseUrl, ASSAY_MASTER_KEY_FILE: join(dataDir, 'master.key') };
  return Server.start({ ...PLAIN, env });
}

const told = ({ status, headers, body }: Answer) => ({
  status,
  isToldWhen: Number(headers.get('retry-after')) >= 1,
  code: (body as { error: { code: string } } | undefined)?.error.code,
});
const AWAY = { status: 503, isToldWhen: true, code: 'unavailable' };

const idOf = (answer: Answer): string => dataOf<{ workflow_run: { id: string } }>(answer, 201).workflow_run.id;

const word = (key: string, depends_on: string[] = []) =>
  native(
    key,
    'transform',
    { expression: `"${key}"` },
    { depends_on, outputs: { '*': { path: '$context.words', merge: 'append' } } },
  );
/** Each node has one effect, and no attempt to spare. */
const CHAIN = {
  name: 'chain',
  nodes: [word('first'), native('wait', 'delay', { ms: 1_000 }, { depends_on: ['first'] }), word('last', ['wait'])],
};
const WHOLE = { state: 'completed', context: { words: ['first', 'last'] } };

describe(`a database that is away for ${AWAY_SECONDS} s`, () => {
  let home: Server;
  beforeAll(async () => {
    home = await Server.start({ ...PLAIN, args: ['--role', 'api'] });
  });
  afterAll(() => home[Symbol.asyncDispose]());

  test('is told of, and nothing that was accepted is lost or done twice', async () => {
    await using network = await severedNetwork(home);
    await using server = await startAt(network.url, home);
    const caller = server.as(home.credentials.apiKey);
    const workflows = new WorkflowClient(server, home.credentials.apiKey);
    await workflows.define(CHAIN);
    const accepted = await Promise.all(Array.from({ length: 10 }, () => workflows.start('chain')));

    const from = server.stderr.length;
    network.cut();
    const key = crypto.randomUUID();
    const make = () => caller.post('/v1/workflow-runs', { name: 'chain', start: true }, { 'idempotency-key': key });
    const awayUntil = performance.now() + AWAY_SECONDS * 1_000;
    await until('it is missed', async () => (await server.anonymous.get('/readyz')).status === 503);
    while (performance.now() < awayUntil) {
      const answers = await Promise.all([caller.get('/v1/workflow-runs'), make()]);
      expect(answers.map(told)).toEqual([AWAY, AWAY]);
      expect((await server.anonymous.get('/healthz')).status).toBe(200);
    }
    network.mend();
    const made = await until('it is made', async () => ((await make()).status === 201 ? make() : null), RECOVERY_MS);
    accepted.push(idOf(made));
    for (const id of accepted) {
      expect(await workflows.ended(id)).toMatchObject(WHOLE);
      expect(await workflows.events(id, 'workflow.run.completed')).toHaveLength(1);
    }
    const { workflow_runs } = dataOf<{ workflow_runs: unknown[] }>(await caller.get('/v1/workflow-runs?limit=200'));
    expect(workflow_runs).toHaveLength(accepted.length);
    expect(server.stderr.slice(from)).not.toMatch(/"level":"error"/);
  }, 150_000);

  test('is waited for by who starts meanwhile', async () => {
    await using network = await severedNetwork(home);
    network.refuse();
    const starting = startAt(network.url, home);
    await until('it was asked for', () => network.refused > 1, 60_000);
    network.mend();
    await using server = await starting;
    expect((await server.as(home.credentials.apiKey).get('/v1/workflow-runs')).status).toBe(200);
  });
});

test.runIf(isRoot)(
  'a disk that is full is told of, loses nothing that was accepted, and is worked on with when there is room',
  async () => {
    await using disk = await SmallDisk.mount(400);
    await using server = await Server.start({ ...PLAIN, dataDir: disk.path });
    const caller = server.as();
    const workflows = new WorkflowClient(server);
    await workflows.define(CHAIN);
    // As much as a context may have that is kept in its row.
    const large = 'x'.repeat(200_000);
    const asset = (): Promise<Answer> =>
      caller.post('/v1/assets?filename=a.txt', large, { 'content-type': 'text/plain' });
    const call = (): Promise<Answer> => caller.post('/v1/providers/execute', { model: 'echo', input: 'Hello there.' });
    const start = (): Promise<Answer> =>
      caller.post('/v1/workflow-runs', { name: 'chain', start: true, input: { large } });
    const kept = dataOf<{ asset: { id: string } }>(await asset(), 201).asset.id;
    expect((await call()).status).toBe(200);
    const accepted = [await workflows.start('chain')];

    await disk.fill();
    const full = await until('the disk is full for the database', async () => {
      const answer = await start();
      return answer.status === 201 ? void accepted.push(idOf(answer)) : answer;
    });
    expect(told(full)).toEqual(AWAY);
    expect(told(await asset())).toEqual(AWAY);
    expect((await server.anonymous.get('/healthz')).status).toBe(200);

    await disk.empty();
    const isTaken = async (ask: () => Promise<Answer>, status: number) => {
      const answer = await ask();
      return answer.status === status ? answer : null;
    };
    accepted.push(idOf(await until('runs are taken again', () => isTaken(start, 201), 60_000)));
    await until('files are taken again', () => isTaken(asset, 201));
    await until('models are asked again', () => isTaken(call, 200));
    for (const id of accepted) expect(await workflows.ended(id)).toMatchObject(WHOLE);
    expect((await caller.get(`/v1/assets/${kept}`)).text).toBe(large);
    expect((await server.stop()).code).toBe(0);
  },
  240_000,
);

test(`a storm of ${CLIENTS} clients is answered or turned away, and holds up nothing that is under way`, async () => {
  await using server = await Server.start(PLAIN);
  const workflows = new WorkflowClient(server);
  await workflows.define(CHAIN);
  const asked = { url: `${server.url}/v1/workflow-runs?limit=200`, apiKey: server.credentials.apiKey };
  const id = await workflows.start('chain');
  const storm = crowd({ ...asked, clients: CLIENTS });
  expect(await workflows.ended(id)).toMatchObject(WHOLE);
  const { statuses, withoutRetryAfter, slowestMs } = await storm;
  const { 200: answered = 0, 503: turnedAway = 0, ...others } = statuses;
  expect({ others, withoutRetryAfter, all: answered + turnedAway }).toEqual({
    others: {},
    withoutRetryAfter: 0,
    all: CLIENTS,
  });
  expect(answered).toBeGreaterThan(0);
  process.stderr.write(
    `storm of ${CLIENTS}: ${answered} answered, ${turnedAway} turned away, slowest ${slowestMs} ms\n`,
  );
  expect((await server.as().get('/v1/workflow-runs')).status).toBe(200);
}, 120_000);
