/** Events: from the commit to a thousand followers of the stream, each cut once and resumed, beside a bare Node fan-out. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { newClient } from '../../packages/server/src/platform/db/index.ts';
import { processTree, treeMs } from '../measure/proc-stat.ts';
import { untilQuiet, watchCores } from '../measure/quiet.ts';
import { Report } from '../measure/report.ts';
import { verdict } from '../measure/table.ts';
import { type ChildProgram, startChild } from '../product/child-program.ts';
import { startDatabase } from '../product/database.ts';
import { API_KEY, startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import type { Followed, FollowQuestion } from './followers.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    followers: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '100' },
  },
});
const [seconds, followers, perSecond] = [Number(values.seconds), Number(values.followers), Number(values.rate)];
const events = seconds * perSecond;
/** The bar, S13. */
const BAR_MS = 250;

type Outcome = Followed & { serverMs: number; seconds: number; foreign: number };
type Source = { url: string; headers: Record<string, string>; send(): Promise<unknown>; cpuMs(): number };

/** Followers come, events are sent, everybody is cut once on the way and resumes. */
async function measure({ url, headers, send, cpuMs }: Source): Promise<Outcome> {
  await using crowd: ChildProgram<null> = await startChild(new URL('./followers.ts', import.meta.url), {});
  const ask = <Answer>(question: FollowQuestion): Promise<Answer> => crowd.ask<Answer>(question);
  await ask({ ask: 'follow', url, headers, followers });
  await untilQuiet();
  const used = watchCores();
  const [began, before] = [performance.now(), cpuMs()];
  const sent = send();
  await delay(seconds * 250);
  await ask({ ask: 'reconnect', overMs: seconds * 500 });
  await sent;
  const followed = await ask<Followed>({ ask: 'await', events });
  const took = (performance.now() - began) / 1_000;
  return { ...followed, serverMs: cpuMs() - before, seconds: took, foreign: used().foreign };
}

async function ours(): Promise<Outcome> {
  await using directory = await scratchDirectory();
  await using database = await startDatabase(join(directory.path, 'data'));
  const environment = { DATABASE_URL: database.url, ASSAY_ROLE: 'api,worker' };
  await using assay = await startAssay({ dataDir: join(directory.path, 'assay'), environment, withoutRunner: true });
  const client = newClient({ connectionString: database.url }, 'bench-events');
  await client.connect();
  await client.query('set role assay_system');
  const { rows } = await client.query<{ org_id: string }>('select org_id from api_keys limit 1');
  const orgId = rows[0]?.org_id;
  const insert = {
    name: 'event',
    text: `insert into events (org_id, type, subject, data) values ($1, 'evaluation.completed', $2, $3)`,
  };
  const write = async (n: number): Promise<void> => {
    // As json keeps it: jsonb would put the keys in another order.
    const data = JSON.stringify({ status: 'completed', n, at: performance.timeOrigin + performance.now() });
    await client.query({ ...insert, values: [orgId, 'eval_0123456789abcdef0123456789abcdef', data] });
    // As another process of the installation would say it.
    await client.query({ name: 'wake', text: `select pg_notify('assay_wake', E'bench\\nevents')` });
  };
  const send = async (): Promise<void> => {
    const began = performance.now();
    for (let n = 1; n <= events; n++) {
      await delay(Math.max(0, began + (n * 1_000) / perSecond - performance.now()));
      await write(n);
    }
  };
  const cpuMs = (): number => treeMs(processTree(assay.pid));
  const url = `${assay.url}/v1/events/stream?types=evaluation.*`;
  const outcome = await measure({ url, headers: { 'x-api-key': API_KEY }, send, cpuMs });
  await client.end();
  return outcome;
}

async function bare(): Promise<Outcome> {
  await using server = await startChild<string>(new URL('./bare.ts', import.meta.url), {});
  const send = (): Promise<number> => server.ask({ events, perSecond });
  return await measure({ url: server.ready, headers: {}, send, cpuMs: () => server.cpuMs() });
}

/** The lateness that so many of a hundred arrivals stay within. */
function percentileOf({ late, received }: Followed, p: number): number {
  let seen = 0;
  return late.findIndex((count) => {
    seen += count;
    return seen >= (received * p) / 100;
  });
}

const report = new Report('events');
report.progress('a bare fan-out');
const alone = await bare();
report.progress('the event stream');
const stream = await ours();
const row = (name: string, outcome: Outcome) => [
  name,
  percentileOf(outcome, 50),
  percentileOf(outcome, 99),
  outcome.received / outcome.seconds,
  outcome.lost,
  outcome.doubled,
  (outcome.serverMs * 1_000) / outcome.received,
];
const isMet = percentileOf(stream, 99) <= BAR_MS && stream.lost === 0 && stream.doubled === 0;
report.table({
  title: `${perSecond} events/s to ${followers} followers for ${seconds} s, each of whom is cut once and resumes`,
  columns: ['', 'p50 ms', 'p99 ms', 'frames/s', 'lost', 'doubled', 'server, CPU µs a frame'],
  rows: [row('bare Node, from memory', alone), row('Assay, from before the commit', stream)],
  note: `S13, p99 ≤ ${BAR_MS} ms, none lost or doubled: ${verdict(isMet)}; others used ${Math.max(alone.foreign, stream.foreign).toFixed(2)} cores at most`,
});
report.keep('outcomes', { alone: { ...alone, late: undefined }, stream: { ...stream, late: undefined } });
report.save();
