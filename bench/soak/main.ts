/** R7: what the product holds after a long time under mixed load, beside what it held after a short one. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Heap } from '../measure/heap.ts';
import { Report } from '../measure/report.ts';
import { median } from '../measure/statistics.ts';
import { verdict } from '../measure/table.ts';
import { startDatabase } from '../product/database.ts';
import { memoryOf, PARTS, partsOf } from '../product/parts.ts';
import { startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { Load } from './load.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
const minutes = Number(values.minutes);
const LOOKS = 40;
const MIB = 2 ** 20;
/** What a figure may be larger in the last quarter than in the second: what remains is noise of the heap and of caches. */
const GROWTH = 1.1;
const SLACK = { memory: 16, handles: 16, queues: 50 };

/** What is under way or waits for somebody; each is near nothing as long as the machine keeps up. */
const QUEUES = `
  select (select count(*) from workflow_nodes where state in ('ready', 'running', 'waiting')) as nodes,
         (select count(*) from evaluations where state in ('queued', 'running')) as evaluations,
         (select count(*) from audit_leaves) as leaves,
         (select count(*) from reservations) as reservations,
         (select count(*) from graphile_worker._private_jobs) as chores`;
const CONNECTIONS = `select count(*) as connections from pg_stat_activity where application_name like 'assay-%'`;
const TABLES = `select relname, n_live_tup as live from pg_stat_user_tables where schemaname = 'public'`;

type Look = Record<string, number>;

await using directory = await scratchDirectory();
await using database = await startDatabase(join(directory.path, 'database'));
await using assay = await startAssay({
  dataDir: join(directory.path, 'data'),
  environment: { DATABASE_URL: database.url },
});
const client = new pg.Client({ connectionString: database.url });
await client.connect();
// Chores belong to the owner; the other tables are read as who sees every organization.
await client.query(
  'grant select on graphile_worker._private_jobs to assay_system; grant usage on schema graphile_worker to assay_system',
);
await client.query('set role assay_system');
using heap = await Heap.of(assay.pid);
const report = new Report('soak');

const numbersOf = async (sql: string): Promise<Look> => {
  const [row] = (await client.query<Record<string, string>>(sql)).rows;
  return Object.fromEntries(Object.entries(row ?? {}).map(([name, count]) => [name, Number(count)]));
};

const handlesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

async function look(): Promise<Look> {
  const memory = memoryOf(assay.pid);
  const held = Object.fromEntries(
    PARTS.filter((part) => part === 'server' || part === 'runner').map((part) => [
      `${part} MiB`,
      memory[part].pss / MIB,
    ]),
  );
  const [runner] = partsOf(assay.pid).runner;
  const handles = { 'server handles': handlesOf(assay.pid), 'runner handles': runner ? handlesOf(runner.pid) : 0 };
  return {
    'live heap MiB': (await heap.live()) / MIB,
    ...held,
    ...handles,
    ...(await numbersOf(CONNECTIONS)),
    ...(await numbersOf(QUEUES)),
  };
}

const load = await Load.start(assay);
const looks: Look[] = [];
for (let at = 0; at < LOOKS; at++) {
  await delay((minutes * 60_000) / LOOKS);
  looks.push(await look());
  if (at % 4 === 3) report.progress(`${at + 1} of ${LOOKS}: ${JSON.stringify(looks.at(-1))}`);
}
await load.end();
const tables = (await client.query<{ relname: string; live: string }>(TABLES)).rows;
await client.end();
report.keep('looks', looks);
report.keep('rows', tables);

const quarter = (which: number, name: string): number =>
  median(looks.slice((which * LOOKS) / 4, ((which + 1) * LOOKS) / 4).map((one) => one[name] ?? 0));
const slackOf = (name: string): number =>
  name.endsWith('MiB') ? SLACK.memory : /handles|connections/.test(name) ? SLACK.handles : SLACK.queues;
report.table({
  title: `R7: ${minutes} minutes of mixed load, medians of the quarters of it`,
  columns: ['', 'first', 'second', 'third', 'last', ''],
  rows: Object.keys(looks[0] ?? {}).map((name) => {
    const [early, late] = [quarter(1, name), quarter(3, name)];
    return [name, quarter(0, name), early, quarter(2, name), late, verdict(late <= early * GROWTH + slackOf(name))];
  }),
  note: `Flat: the last quarter is within ${Math.round((GROWTH - 1) * 100)} % and a little of the second; the first is for warming up. Memory is read behind a full collection.`,
});
report.table({
  title: 'Accepted',
  columns: ['', 'in all', 'a second'],
  rows: Object.entries(load.accepted).map(([kind, count]) => [kind, count, count / (minutes * 60)]),
  note: `${load.refused.length} answers were none of what was asked for${load.refused.length > 0 ? `: ${load.refused.slice(0, 5).join(', ')}` : '.'}`,
});
report.table({
  title: 'Largest tables, rows at the end',
  columns: ['', 'rows'],
  rows: tables
    .map(({ relname, live }): [string, number] => [relname, Number(live)])
    .sort(([, a], [, b]) => b - a)
    .slice(0, 15),
});
report.save();
