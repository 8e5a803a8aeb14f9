import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Checks } from './harness/chaos/checks.ts';
import { Cluster } from './harness/chaos/cluster.ts';
import { ALL_PLACES, workflowsOf } from './harness/chaos/definitions.ts';
import { type Fault, faultsOf, inflict } from './harness/chaos/faults.ts';
import { type Accepted, MixedLoad } from './harness/chaos/mixed-load.ts';
import { OrderDesk } from './harness/chaos/order-desk.ts';
import { FaultyProvider } from './harness/faulty-provider.ts';
import { processesMarked } from './harness/processes.ts';
import { until } from './harness/until.ts';
import { WebhookInbox } from './harness/webhook-inbox.ts';
import { dataOf } from './harness/workflow-client.ts';

/*
 * Two API servers, two workers and two runners on one PostgreSQL, under everything that callers do at once, while members
 * are killed, stand still for longer than their leases, and the database comes and goes. Then the history is read: whatever
 * was accepted has come to one end, had its effect once, was billed once and told of, and has left nothing behind.
 *
 *   ASSAY_CHAOS_SECONDS=600 ASSAY_CHAOS_SEED=7 npx vitest run --project acceptance acceptance/chaos.test.ts
 */
const SECONDS = Number(process.env['ASSAY_CHAOS_SECONDS'] ?? 60);
const SEED = Number(process.env['ASSAY_CHAOS_SEED'] ?? 1);
/** From the moment that everything runs again to the end of what is asked for then. */
const RECOVERY_MS = Number(process.env['ASSAY_CHAOS_RECOVERY_MS'] ?? 15_000);
/** For what was accepted to come to its end once nothing is broken any more. */
const SETTLING_MS = 120_000;

const inbox = await WebhookInbox.open();
const desk = await OrderDesk.open();
const provider = await FaultyProvider.start();
const cluster = await Cluster.start({ ASSAY_OUTBOUND_NETWORKS: 'loopback' });
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  for (const each of [inbox, desk, provider]) await each[Symbol.asyncDispose]();
});
const caller = cluster.api.as();
const assay = cluster.api.sdk();
const orgId = (await assay.me()).organization_id ?? '';

/** What was broken, and how long it took until everything worked again, milliseconds. */
const recoveries: [fault: string, ms: number][] = [];

/** A run and a program, asked for now, come to their ends: however long the servers take to come back for that. */
async function recovers(load: MixedLoad, fault: string, withinMs = RECOVERY_MS): Promise<void> {
  const startedAt = performance.now();
  const before = recoveries.slice(-3).map(([earlier]) => earlier);
  const what = `everything works again after ${[...before, fault].join(', ')} (seed ${SEED})`;
  const run = load
    .run(`probe-${randomInt(1e9)}`, 'probe', 10)
    .then((id) => until(`a run ends: ${what}`, async () => (await assay.runs.get(id)).completed_at !== null, withinMs));
  const program = until(
    `a program ends: ${what}`,
    async () => {
      const { body } = await caller.post('/api/eval?wait=15', { code: 'print("back")', priority: 2_000 });
      return (body as { output?: string }).output === 'back\n';
    },
    withinMs,
  );
  await Promise.all([run, program]);
  recoveries.push([fault, Math.round(performance.now() - startedAt)]);
}

async function torment(load: MixedLoad): Promise<void> {
  await recovers(load, 'start of all', SETTLING_MS);
  const over = performance.now() + SECONDS * 1_000;
  const thaws: Promise<void>[] = [];
  for (const { fault, afterMs } of faultsOf(SEED)) {
    if (performance.now() > over) break;
    await pause(afterMs);
    await inflict(cluster, fault, thaws);
    await recovers(load, nameOf(fault));
  }
  await Promise.all(thaws);
}

const nameOf = (fault: Fault): string =>
  fault.kind === 'database' ? `database ${fault.signal}` : `${fault.kind} ${[fault.who].flat().join(' and ')}`;

/** What the load needs: a webhook, a provider, workflows and a schedule, whose id it gives. */
async function prepare(): Promise<string> {
  const webhook = { url: inbox.url, event_types: ['workflow.run.completed', 'team.created'] };
  inbox.secret = (await assay.webhooks.create(webhook)).secret;
  const counting = { name: 'counting', kind: 'openai-compatible', base_url: `${provider.url}/openai/v1`, api_key: 'k' };
  dataOf(await caller.post('/v1/providers', { ...counting, models: [{ id: 'm' }] }), 201);
  // A definition with programs in it is refused while nobody could run them.
  await until('the runners are known', async () => (await caller.get('/api/languages')).text.includes('"python"'));
  for (const workflow of Object.values(workflowsOf(desk.url))) await assay.workflows.deploy(workflow as never);
  const schedule = {
    name: 'each minute',
    workflow_name: 'probe',
    cron: '* * * * *',
    overlap: 'allow',
    catch_up: 'all',
  };
  const answer = await caller.post('/v1/workflow-schedules', schedule);
  return dataOf<{ workflow_schedule: { id: string } }>(answer, 201).workflow_schedule.id;
}

test(
  `whatever breaks for ${SECONDS} s, everything accepted ends once, has its effect once, is billed once and told of`,
  async () => {
    const scheduleId = await prepare();
    const mark = `86400.${randomInt(1e9)}`;
    const load = new MixedLoad({ cluster, provider, mark });
    const tormented = torment(load).then(() => load.end());
    const accepted = await Promise.race([cluster.deserted, tormented]);
    await settled(accepted);

    const checks = new Checks({ api: cluster.api, orgId, load, desk, provider });
    expect(load.strange).toEqual([]);
    expect(await checks.wrongRuns(), cluster.log).toEqual([]);
    expect(checks.doubledOrders()).toEqual([]);
    expect(await checks.wrongPrograms(), cluster.log).toEqual([]);
    await until('no process of a program is left', () => processesMarked(mark).length === 0);
    expect(await checks.wrongJobs(), cluster.log).toEqual([]);
    expect(await checks.lostAssets()).toEqual([]);
    expect(await checks.wrongFirings(scheduleId)).toEqual([]);
    await expectTold(accepted);
    await expectIdle(load, checks);
    expect(await checks.wrongBills(), cluster.log).toEqual([]);

    const counts = Object.entries(accepted).map(([kind, { size }]) => `${size} ${kind}`);
    const took = recoveries.map(([fault, ms]) => `  ${fault}: ${ms} ms\n`).join('');
    const what = [...counts, `${load.meddlings} meddlings`].join(', ');
    process.stderr.write(`chaos, seed ${SEED}: ${what}; recovered after\n${took}`);
    expect(recoveries.length).toBeGreaterThan(1);
  },
  SECONDS * 1_000 + 2 * SETTLING_MS + 300_000,
);

/** Waits until nothing of what was accepted is under way. */
async function settled({ runs, meddled, jobs }: Accepted): Promise<void> {
  await until('the queue is empty', async () => (await assay.platform.queue()).queue_length === 0, SETTLING_MS);
  for (const id of [...runs.values(), ...meddled.values(), ...jobs.values()])
    await until(`${id} has ended`, async () => (await assay.runs.get(id)).completed_at !== null, SETTLING_MS);
}

/** Every completed run and every team was told of, under one id however often it was sent. */
async function expectTold({ runs, asked, teams }: Accepted): Promise<void> {
  const subjects = [...runs.values(), ...asked.values(), ...teams.values()];
  const idsOf = (): Map<string, Set<string>> => {
    const ids = new Map<string, Set<string>>();
    for (const { id, subject } of inbox.delivered) ids.set(subject, (ids.get(subject) ?? new Set()).add(id));
    return ids;
  };
  await until('every end is told of', () => subjects.every((subject) => idsOf().has(subject)), SETTLING_MS);
  const ids = idsOf();
  expect(subjects.filter((subject) => ids.get(subject)?.size !== 1)).toEqual([]);
  expect(inbox.refused).toBe(0);
}

/** Every place of every worker can be taken at the same time, and then nothing is held any more. */
async function expectIdle(load: MixedLoad, checks: Checks): Promise<void> {
  const id = await load.run('together', 'together');
  await until(`${ALL_PLACES} nodes are under way`, () => desk.together === ALL_PLACES, SETTLING_MS);
  desk.release();
  await until('they have ended', async () => (await assay.runs.get(id)).completed_at !== null);
  const nothing = async () => {
    const left = await checks.leftovers();
    if (left.length > 0) throw new Error(JSON.stringify(left));
    return true;
  };
  await until('nothing is held any more', nothing, SETTLING_MS);
}
