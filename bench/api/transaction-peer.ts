/**
 * The baseline of a governed write: `begin`, a job, an event, a counter, `commit`, as prepared statements one after the
 * other on bare connections, with nothing around them. Asked how many callers for how long, it says how many it did.
 */
import pg from 'pg';
import type { LoadFigures, LoadPlan } from '../load/load-plan.ts';
import { latencyOf } from '../measure/statistics.ts';
import { sustain } from '../measure/sustained.ts';
import { serveParent } from '../product/child-program.ts';

export type TransactionQuestion = Pick<LoadPlan, 'callers' | 'seconds'>;

const COUNTERS = 64;
const MOST_CALLERS = 16;

const TABLES = `
  create table if not exists bench_jobs (
    id bigint generated always as identity primary key, org_id uuid not null, state text not null,
    payload jsonb not null, created_at timestamptz not null default now());
  create table if not exists bench_events (
    id bigint generated always as identity primary key, org_id uuid not null, type text not null, data jsonb not null);
  create table if not exists bench_counters (id integer primary key, count bigint not null);
  insert into bench_counters select n, 0 from generate_series(0, ${COUNTERS - 1}) n on conflict do nothing`;

const BEGIN = { name: 'begin', text: 'begin' };
const JOB = { name: 'job', text: `insert into bench_jobs (org_id, state, payload) values ($1, 'queued', $2)` };
const EVENT = { name: 'event', text: `insert into bench_events (org_id, type, data) values ($1, 'job.queued', $2)` };
const COUNT = { name: 'count', text: 'update bench_counters set count = count + 1 where id = $1' };
const COMMIT = { name: 'commit', text: 'commit' };

const ORGANIZATION = '00000000-0000-4000-8000-000000000001';
const PAYLOAD = JSON.stringify({ language: 'python', code: "print('hi')", engine: 'auto', timeout: 30 });

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: MOST_CALLERS });
await pool.query(TABLES);
let turn = 0;

async function transact(): Promise<void> {
  const client = await pool.connect();
  turn += 1;
  await client.query(BEGIN);
  await client.query({ ...JOB, values: [ORGANIZATION, PAYLOAD] });
  await client.query({ ...EVENT, values: [ORGANIZATION, PAYLOAD] });
  await client.query({ ...COUNT, values: [turn % COUNTERS] });
  await client.query(COMMIT);
  client.release();
}

serveParent({}, async (question): Promise<LoadFigures> => {
  const { callers, seconds } = question as TransactionQuestion;
  const { perSecond, times } = await sustain({ callers, seconds, warmUpSeconds: 0, act: transact });
  const { p50, p99, count } = latencyOf(times);
  return { perSecond, p50Ms: p50, p99Ms: p99, requests: count };
});
