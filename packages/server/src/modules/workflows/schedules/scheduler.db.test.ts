import pino from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { eventsOf } from '../../../../test/builders.ts';
import { aCall, aPrincipal } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { newId, type OrganizationId } from '../../../kernel/ids.ts';
import type { Principal } from '../../../kernel/principal.ts';
import { insertDefinition } from '../definitions/store.ts';
import { Graphs } from '../engine/graphs.ts';
import { Expressions } from '../expressions/expressions.ts';
import { fireSchedule } from './fire.ts';
import type { Firing } from './model.ts';
import { type ScheduleRequest, scheduleOperations } from './operations.ts';
import { Scheduler } from './scheduler.ts';

const db = testDatabase();
const log = pino({ level: 'silent' });
const expressions = new Expressions({ deadlineMs: 2_000, threads: 1 });
afterAll(() => expressions[Symbol.asyncDispose]());

type Work = ConstructorParameters<typeof Scheduler>[0]['statements'];
const statements: Work = (work) => db.system.statements({ orgId: null }, work);
const transaction: Work = (work) => db.system.transaction({ orgId: null }, work);
const operator = governed(db);
const services = { graphs: new Graphs(statements), expressions, ready: () => {}, openBudget: () => {} };
const operations = scheduleOperations(services);
const fire = fireSchedule(services);

/** It is the hourly minute now, so that no other one comes due while a test runs. */
const MINUTE = new Date().getUTCMinutes();

/** One worker, as far as schedules go. */
const aScheduler = (actor: Principal | null): Scheduler =>
  new Scheduler({
    statements,
    transaction,
    findActor: async () => actor,
    fire: async (principal, id) => void (await operator.run(fire, aCall({ principal, via: 'job' }), { id })),
    paused: () => {},
    told: () => {},
    log,
  });

async function aSchedule(of: Partial<ScheduleRequest> = {}) {
  const orgId = (await db.organization()) as OrganizationId;
  const principal = aPrincipal({ orgId });
  const node = {
    key: 'only',
    runtime: 'native',
    operation: 'noop',
    dependsOn: [],
    config: {},
    inputs: [],
    outputs: [],
    requires: [],
    policy: {
      timeoutMs: 1_000,
      retries: 0,
      backoff: { kind: 'fixed', firstMs: 1, mostMs: 1 },
      onError: { kind: 'fail' },
    },
    when: null,
    forEach: null,
  } as const;
  const content = {
    name: 'nightly',
    description: '',
    nodes: [node],
    inputSchema: null,
    timeoutMs: null,
    budget: null,
    concurrency: [],
  };
  await db.app.transaction({ orgId }, (tx) =>
    insertDefinition(tx, { ...content, orgId, id: newId(), createdBy: principal.id }),
  );
  const request: ScheduleRequest = {
    name: 'hourly',
    workflow: { name: 'nightly', version: null },
    cron: `${MINUTE} * * * *`,
    timeZone: 'UTC',
    overlap: 'allow',
    catchUp: 'all',
    input: { from: 'schedule' },
    priority: 0,
    start: true,
    isPaused: false,
    ...of,
  };
  const { schedule } = await operator.run(operations.createSchedule, aCall({ principal }), request);
  const { id } = schedule;
  const read = () => operator.run(operations.getSchedule, aCall({ principal }), { id });
  return {
    principal,
    id,
    read,
    firings: async (): Promise<Firing['outcome'][]> => (await read()).firings.map(({ outcome }) => outcome).reverse(),
    /** Has it come due some hours ago, and each hour since. */
    async comesDue(hours = 0): Promise<void> {
      const last = new Date();
      last.setUTCMinutes(MINUTE, 0, 0);
      if (last > new Date()) last.setUTCHours(last.getUTCHours() - 1);
      await db.owner.query('update workflow_schedules set due_at = $2 where id = $1 and paused_at is null', [
        id,
        new Date(last.getTime() - hours * 3_600_000),
      ]);
    },
    async endRuns(): Promise<void> {
      await db.owner.query(
        `update workflow_runs set state = 'completed', completed_at = now() where schedule_id = $1 and completed_at is null`,
        [id],
      );
    },
  };
}

describe('a schedule that is due', () => {
  test('is fired once by however many workers, and is due again later', async () => {
    const schedule = await aSchedule();
    await schedule.comesDue();
    const workers = Array.from({ length: 4 }, () => aScheduler(schedule.principal));
    await Promise.all(workers.map((worker) => worker.sweep()));
    const { firings, schedule: after } = await schedule.read();
    expect(firings.map(({ outcome }) => outcome)).toEqual(['started']);
    expect(after.dueAt?.getTime()).toBeGreaterThan(after.readAt.getTime());
    const { rows } = await db.owner.query('select state, input, created_by from workflow_runs where schedule_id = $1', [
      schedule.id,
    ]);
    expect(rows).toEqual([{ state: 'running', input: { from: 'schedule' }, created_by: schedule.principal.id }]);
    expect(await eventsOf(db, schedule.id)).toEqual(['workflow.schedule.created', 'workflow.schedule.fired']);
  });

  test('makes up for what was missed', async () => {
    const schedule = await aSchedule();
    await schedule.comesDue(3);
    await aScheduler(schedule.principal).sweep();
    expect(await schedule.firings()).toEqual(['started', 'started', 'started', 'started']);
  });

  test('queues behind a run that is under way, and goes on when that has ended', async () => {
    const schedule = await aSchedule({ overlap: 'queue' });
    const worker = aScheduler(schedule.principal);
    await schedule.comesDue(1);
    await worker.sweep();
    expect(await schedule.firings()).toEqual(['started', 'waiting']);
    await worker.sweep();
    expect(await schedule.firings()).toEqual(['started', 'waiting']);
    await schedule.endRuns();
    await worker.sweep();
    expect(await schedule.firings()).toEqual(['started', 'started']);
  });

  test('is left alone while it is paused, and makes up for nothing when it is resumed', async () => {
    const schedule = await aSchedule();
    const { id, principal } = schedule;
    await operator.run(operations.pauseSchedule, aCall({ principal }), { id });
    await schedule.comesDue();
    await aScheduler(principal).sweep();
    const { schedule: resumed } = await operator.run(operations.resumeSchedule, aCall({ principal }), { id });
    expect(resumed.dueAt?.getTime()).toBeGreaterThan(resumed.readAt.getTime());
    expect(await schedule.firings()).toEqual([]);
  });
});

describe('a schedule that may not make a run', () => {
  test('is paused when whom it acts as is gone, and goes on in the name of who resumes it', async () => {
    const schedule = await aSchedule();
    const { id } = schedule;
    await schedule.comesDue();
    await aScheduler(null).sweep();
    const { schedule: after, firings } = await schedule.read();
    expect(after.paused?.reason).toBe('not_permitted');
    expect(firings.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ['failed', 'workflow_schedule.not_permitted'],
    ]);
    const other = aPrincipal({ orgId: schedule.principal.orgId });
    const { schedule: resumed } = await operator.run(operations.resumeSchedule, aCall({ principal: other }), { id });
    expect(resumed).toMatchObject({ paused: null, actsAs: { id: other.id } });
  });

  test('is paused when whom it acts as lost the permission', async () => {
    const schedule = await aSchedule();
    await schedule.comesDue();
    await aScheduler({ ...schedule.principal, scopes: new Set(['workflows:read']) }).sweep();
    expect((await schedule.read()).schedule.paused?.reason).toBe('not_permitted');
  });

  test('goes on when what refused it may pass: a bill, or a workflow that is archived', async () => {
    const schedule = await aSchedule();
    await schedule.comesDue();
    await aScheduler({ ...schedule.principal, posture: 'past_due' }).sweep();
    await schedule.comesDue(1);
    await db.owner.query(`update workflow_definitions set archived_at = now() where org_id = $1`, [
      schedule.principal.orgId,
    ]);
    await aScheduler(schedule.principal).sweep();
    const { schedule: after, firings } = await schedule.read();
    expect(after.paused).toBeNull();
    expect(after.dueAt?.getTime()).toBeGreaterThan(after.readAt.getTime());
    expect(firings.map(({ error }) => error?.code)).toEqual(['access.billing_inactive']);
    const types = await eventsOf(db, schedule.id);
    expect(types.filter((type) => type === 'workflow.schedule.failed')).toHaveLength(2);
  });
});
