import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { StreamEvent } from '@assay/contract';
import { afterAll, expect, test } from 'vitest';
import { Cluster } from './harness/chaos/cluster.ts';
import { type Fault, faultsOf, inflict } from './harness/chaos/faults.ts';
import { type Accepted, ITEMS, MixedLoad, PROBE, WORDS, WORKFLOW } from './harness/chaos/mixed-load.ts';
import { endsOf, readHistory } from './harness/history.ts';
import { processesMarked } from './harness/processes.ts';
import { until } from './harness/until.ts';
import { WebhookInbox } from './harness/webhook-inbox.ts';

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
const cluster = await Cluster.start({ ASSAY_OUTBOUND_NETWORKS: 'loopback' });
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await inbox[Symbol.asyncDispose]();
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
    .run(`probe-${randomInt(1e9)}`, PROBE)
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

test(
  `whatever breaks for ${SECONDS} s, everything accepted ends once, has its effect once, is billed once and told of`,
  async () => {
    const webhook = { url: inbox.url, event_types: ['workflow.run.completed', 'team.created'] };
    inbox.secret = (await assay.webhooks.create(webhook)).secret;
    // A definition with programs in it is refused while nobody could run them.
    await until('the runners are known', async () => (await caller.get('/api/languages')).text.includes('"python"'));
    for (const workflow of [WORKFLOW, PROBE]) await assay.workflows.deploy(workflow as never);
    const mark = `86400.${randomInt(1e9)}`;
    const load = new MixedLoad(cluster, mark);
    const accepted = await Promise.race([
      cluster.deserted,
      torment(load)
        .then(() => load.end())
        .then(settled),
    ]);

    await expectRunsAreRight(accepted);
    await expectProgramsAreRight(accepted, mark);
    await expectBillsAreRight(accepted);
    await expectTold(accepted);
    const counts = Object.entries(accepted).map(([kind, { size }]) => `${size} ${kind}`);
    const took = recoveries.map(([fault, ms]) => `  ${fault}: ${ms} ms\n`).join('');
    process.stderr.write(`chaos, seed ${SEED}: ${counts.join(', ')}; recovered after\n${took}`);
    expect(recoveries.length).toBeGreaterThan(1);
  },
  SECONDS * 1_000 + 2 * SETTLING_MS + 300_000,
);

/** Gives what was accepted once nothing of it is under way. */
async function settled(accepted: Accepted): Promise<Accepted> {
  await until('the queue is empty', async () => (await assay.platform.queue()).queue_length === 0, SETTLING_MS);
  const open = new Set(accepted.runs.values());
  await until(
    'every run has ended',
    async () => {
      for (const id of open) {
        if ((await assay.runs.get(id)).completed_at === null) return false;
        open.delete(id);
      }
      return true;
    },
    SETTLING_MS,
  );
  return accepted;
}

async function expectRunsAreRight({ runs }: Accepted): Promise<void> {
  const ends = Map.groupBy(await historyOf('workflow.run.*'), ({ subject }) => subject);
  const isEnd = ({ type }: StreamEvent): boolean => /\.(completed|failed|cancelled)$/.test(type);
  const wrong: object[] = [];
  for (const id of runs.values()) {
    const { state, context, error } = await assay.runs.get(id);
    const told = (ends.get(id) ?? []).filter(isEnd).map(({ type }) => type);
    const words = [...(context['words'] as string[])].sort();
    const found = { state, told, words, many: context['many'] };
    const right = {
      state: 'completed',
      told: ['workflow.run.completed'],
      words: WORDS,
      many: ITEMS.map((n) => n * 2),
    };
    if (JSON.stringify(found) !== JSON.stringify(right)) wrong.push({ id, ...found, error });
  }
  expect(wrong, cluster.log).toEqual([]);
}

async function expectProgramsAreRight({ evaluations }: Accepted, mark: string): Promise<void> {
  const ends = endsOf(await readHistory(cluster.api));
  const wrong: object[] = [];
  for (const [prints, id] of evaluations) {
    const { output, reason, attempt } = await assay.evaluations.get(id);
    const told = ends.get(id)?.length;
    // What lost its runner at every attempt is given up; everything else ran to its end, and shows one run's output.
    const isRight = reason === 'runner_lost' ? attempt === 3 : reason === 'ok' && output === `${prints}\n`;
    if (!isRight || told !== 1) wrong.push({ id, reason, output, attempt, told });
  }
  expect(wrong, cluster.log).toEqual([]);
  await until('no process of a program is left', () => processesMarked(mark).length === 0);
}

type UsageRecord = { id: string; tags: Record<string, string>; outcome: string };

async function expectBillsAreRight({ calls }: Accepted): Promise<void> {
  const bills = Map.groupBy(await usageRecords(), ({ tags }) => tags['call'] ?? '');
  const wrong = [...calls].filter((call) => bills.get(call)?.length !== 1);
  expect(
    wrong.map((call) => ({ call, bills: bills.get(call) })),
    cluster.log,
  ).toEqual([]);
}

async function usageRecords(): Promise<UsageRecord[]> {
  const records: UsageRecord[] = [];
  let path: string | undefined = `/v1/organizations/${orgId}/usage/records?limit=200`;
  while (path !== undefined) {
    const { body } = await caller.get(path);
    const { data, links } = body as { data: { usage_records: UsageRecord[] }; links: { next?: string } };
    records.push(...data.usage_records);
    path = links.next;
  }
  return records;
}

/** Every completed run and every team was told of, under one id however often it was sent. */
async function expectTold({ runs, teams }: Accepted): Promise<void> {
  const subjects = [...runs.values(), ...teams.values()];
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

/** Everything that the event stream has told of a family until now. */
async function historyOf(types: string): Promise<StreamEvent[]> {
  const { id } = (await assay.apiKeys.create({ name: 'Marks a moment', scopes: ['events:read'] })).api_key;
  const told: StreamEvent[] = [];
  for await (const event of assay.events.stream({ types: [types, 'apikey.created'] }, { lastEventId: '0-0' })) {
    if (event.subject === id) return told;
    told.push(event);
  }
  throw new Error('The event stream ended before it told of the mark.');
}
