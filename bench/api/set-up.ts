import pg from 'pg';
import { Caller } from '../product/caller.ts';
import { type ChildProgram, startChild } from '../product/child-program.ts';
import type { BenchDatabase } from '../product/database.ts';
import { untilDone, untilOffered } from '../product/queue.ts';
import { API_KEY } from '../product/running-assay.ts';
import { connectStandIn } from '../product/stand-in-runner.ts';
import type { GovernedReady } from './governed-server.ts';

/** Connections of each API process to the database: the product's default. */
export const API_CONNECTIONS = 16;

/** Evaluations that reads go through, one after the other. */
const READABLE = 1_000;
const BATCH = 100;

const RUNNER_TOKEN = `rn_${'bench'.repeat(8)}`;

/** What is submitted: the smallest program there is. */
export const SUBMISSION = { code: "print('hi')", language: 'python' };

export type GovernedServer = ChildProgram<GovernedReady> & { caller: Caller };

/** Starts the API process with everything on; with `switchOff` also one port per part that is off. */
export async function startGoverned(
  { url }: BenchDatabase,
  { dataDir, switchOff = false }: { dataDir: string; switchOff?: boolean },
): Promise<GovernedServer> {
  const child = await startChild<GovernedReady>(new URL('governed-server.ts', import.meta.url), {
    DATABASE_URL: url,
    ASSAY_DATA_DIR: dataDir,
    ASSAY_ROLE: 'api',
    ASSAY_HTTP_PORT: '0',
    ASSAY_GRPC_PORT: '0',
    ASSAY_LOG_LEVEL: 'error',
    ASSAY_BOOTSTRAP_API_KEY: API_KEY,
    ASSAY_RUNNER_TOKEN: RUNNER_TOKEN,
    BENCH_SWITCH_OFF: switchOff ? 'each' : '',
  });
  return { ...child, caller: new Caller(child.ready.url, API_KEY) };
}

/** Makes evaluations that have ended; gives their ids. */
export async function seedEnded({ ready, caller }: GovernedServer): Promise<string[]> {
  await using _runner = await connectStandIn({ url: ready.url, token: RUNNER_TOKEN, slots: 16, finishes: 'at once' });
  await untilOffered(caller, SUBMISSION.language);
  const ids: string[] = [];
  while (ids.length < READABLE) ids.push(...(await submitBatch(caller)));
  await untilDone(caller);
  return ids;
}

/** Connects a runner that keeps one evaluation and takes no other: what is submitted from then on only waits. */
export async function connectBusyRunner({ ready, caller }: GovernedServer): Promise<AsyncDisposable> {
  const runner = await connectStandIn({ url: ready.url, token: RUNNER_TOKEN, slots: 1, finishes: 'never' });
  await untilOffered(caller, SUBMISSION.language);
  return runner;
}

/** Makes the queue this long, in batches. */
export async function fillQueue(caller: Caller, depth: number): Promise<void> {
  for (let queued = 0; queued < depth; queued += BATCH) await submitBatch(caller);
}

/** Submits a hundred evaluations in one request; gives their ids. */
async function submitBatch(caller: Caller): Promise<string[]> {
  const evaluations = Array.from({ length: BATCH }, () => SUBMISSION);
  const { status, body } = await caller.post('/api/eval-batch', { evaluations });
  if (status !== 200) throw new Error(`A batch was refused: ${status} ${JSON.stringify(body)}`);
  return (body as { evaluations: { eval_id: string }[] }).evaluations.map(({ eval_id }) => eval_id);
}

/** The owner's own connection to the database, for what no API does. */
export type Owner = AsyncDisposable & {
  /** Makes the table that the peer of the read answers from, out of these evaluations. */
  fillPeerTable(ids: readonly string[]): Promise<void>;
  /** Empties the queue, and what it has left in the table and its indexes. */
  emptyQueue(): Promise<void>;
};

const PEER_TABLE = `create table bench_answers (
  eval_id text primary key, status text not null, created_at timestamptz not null, completed_at timestamptz,
  output text not null, error text not null, success boolean not null, exit_code integer, runtime_ms double precision,
  output_truncated boolean not null, metadata jsonb not null)`;
const PEER_ROWS = `select id as eval_id, state as status, created_at, completed_at, output, error,
  state = 'completed' as success, exit_code, runtime_ms, output_truncated, metadata from evaluations where id = any($1)`;

export async function connectOwner(database: BenchDatabase): Promise<Owner> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return {
    async fillPeerTable(ids) {
      // Row security holds for the owner as well; the system's role sees every row, but may make no tables.
      await client.query('set role assay_system');
      const { rows } = await client.query(PEER_ROWS, [ids]);
      await client.query('reset role');
      await client.query(PEER_TABLE);
      await client.query('insert into bench_answers select * from jsonb_populate_recordset(null::bench_answers, $1)', [
        JSON.stringify(rows),
      ]);
      await client.query('vacuum analyze bench_answers');
      await client.query('vacuum analyze evaluations');
    },
    async emptyQueue() {
      await client.query('set role assay_system');
      await client.query(`delete from evaluations where state = 'queued'`);
      await client.query('reset role');
      await client.query('vacuum analyze evaluations');
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
