/** S12, and S14 for the audit log: leaves a second, proofs and lists at a million entries, verifying a log offline. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { processTree, treeMs } from '../measure/proc-stat.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { Report } from '../measure/report.ts';
import { percentile } from '../measure/statistics.ts';
import { type Cell, ratio, verdict } from '../measure/table.ts';
import { startDatabase } from '../product/database.ts';
import { type RunningAssay, startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { LeafWriters } from './leaf-writers.ts';

const LEAVES_BAR = 3_000;
const LAG_BAR_MS = 1_000;
const PROOF_BAR_MS = 5;
const LIST_BAR_MS = 50;
const VERIFY_BAR_SECONDS = 5;
const VERIFIED = 100_000;
const CLI = fileURLToPath(new URL('../../packages/cli/bin/assay.mjs', import.meta.url));

const { values } = parseArgs({ options: { entries: { type: 'string' }, seconds: { type: 'string' } } });
const entries = Number(values.entries ?? 1_000_000);
const seconds = Number(values.seconds ?? 15);

const report = new Report('audit');
await using directory = await scratchDirectory();
await using database = await startDatabase(join(directory.path, 'database'));
await using assay = await startAssay({
  dataDir: join(directory.path, 'assay'),
  environment: { DATABASE_URL: database.url, ASSAY_ROLE: 'api,worker' },
  withoutRunner: true,
});
await using writers = await LeafWriters.connect(database, 8);
const orgId = await organizationOf(assay);

await measureBacklog();
await measureSustained();
await measureReads();
await measureVerifying();
report.save();

/** CPU time of server and database together, milliseconds: it says what something costs on a busy machine as well. */
function cpuMs(): number {
  return treeMs(processTree(assay.pid)) + database.cpuMs();
}

/** Acts commit leaves one by one, at a rate above the bar and as fast as they can, while the log keeps up. */
async function measureSustained(): Promise<void> {
  const rows: { asked: number | null; written: number; placed: number; p99: number }[] = [];
  for (const perSecond of [3_500, null]) {
    report.progress(`leaves, ${perSecond ?? 'as many as can be'} a second`);
    await untilQuiet();
    const before = await writers.placed(orgId);
    const waits: number[] = [];
    const writing = writers.write('audit_leaves', { orgId, seconds, perSecond });
    const watching = watchWaits(writing, waits);
    const { committed, seconds: took } = await writing;
    await watching;
    const placed = (await writers.placed(orgId)) - before;
    await untilPlaced(before + committed);
    rows.push({ asked: perSecond, written: committed / took, placed: placed / took, p99: percentile(waits, 99) });
  }
  await untilQuiet();
  const bare = await writers.write('bench_leaves', { orgId, seconds, perSecond: null });
  report.keep('sustained', { rows, bare });
  report.table({
    title: `S12: leaves a second on top of what is there, 8 writers, one leaf a commit, ${seconds} s`,
    columns: ['', 'committed/s', 'in the tree/s', 'oldest waited, ms p99', ''],
    rows: [
      ...rows.map(({ asked, written, placed, p99 }) => [
        asked === null ? 'as many as can be' : `${asked} a second`,
        written,
        placed,
        p99,
        asked === null
          ? ratio(placed, bare.committed / bare.seconds)
          : verdict(placed >= LEAVES_BAR && p99 <= LAG_BAR_MS),
      ]),
      ['bare inserts, no tree', bare.committed / bare.seconds, null, null, ''],
    ],
    note: `bar: ≥ ${LEAVES_BAR} in the tree a second, none waits longer than ${LAG_BAR_MS} ms`,
  });
}

async function watchWaits(writing: Promise<unknown>, waits: number[]): Promise<void> {
  let isOver = false;
  void writing.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    waits.push(await writers.oldestWait());
    await delay(50);
  }
}

/** Many leaves at once: how fast the sequencer is by itself. */
async function measureBacklog(): Promise<void> {
  const before = await writers.placed(orgId);
  const missing = Math.max(0, entries - before);
  report.progress(`a backlog of ${missing} leaves`);
  await untilQuiet();
  const began = performance.now();
  const cpu = cpuMs();
  const step = 200_000;
  for (let done = 0; done < missing; done += step) {
    await writers.fill(orgId, Math.min(step, missing - done));
    await untilPlaced(before + Math.min(done + step, missing));
  }
  const perSecond = missing / ((performance.now() - began) / 1000);
  const cpuUs = ((cpuMs() - cpu) / missing) * 1000;
  report.keep('backlog', { missing, perSecond, cpuUs });
  report.table({
    title: 'The sequencer by itself, on a backlog',
    columns: ['', 'leaves', 'in the tree/s', 'CPU µs each'],
    rows: [['written by one statement, then placed', missing, perSecond, cpuUs]],
  });
}

/** Proofs and lists at full size, one caller. */
async function measureReads(): Promise<void> {
  await writers.analyze();
  const size = await writers.placed(orgId);
  const some = (): number => Math.floor(Math.random() * size);
  const cells: Record<string, { bar: number; path: () => string }> = {
    'inclusion proof, any entry': { bar: PROOF_BAR_MS, path: () => `proof/inclusion?index=${some()}` },
    'inclusion proof, any entry in any tree': {
      bar: PROOF_BAR_MS,
      path: () => {
        const index = some();
        return `proof/inclusion?index=${index}&size=${index + 1 + Math.floor(Math.random() * (size - index))}`;
      },
    },
    'consistency proof, from any size': { bar: PROOF_BAR_MS, path: () => `proof/consistency?from=${1 + some()}` },
    'list, newest 100': { bar: LIST_BAR_MS, path: () => '' },
    'list, from the middle': { bar: LIST_BAR_MS, path: () => `?cursor=${middle}` },
    'list, a rare event': { bar: LIST_BAR_MS, path: () => '?filter=event_type=apikey.created' },
    'list, one principal': {
      bar: LIST_BAR_MS,
      path: () => '?filter=principal_id=6d1f9a52-2a1c-4c53-9c0b-0f7a8f7b1e15',
    },
    'list, one target': { bar: LIST_BAR_MS, path: () => `?filter=target_id=eval_${1 + Math.floor(some() / 10)}` },
    'list, nothing found': { bar: LIST_BAR_MS, path: () => '?filter=via=grpc&filter=event_type=nothing.here' },
  };
  const at = (path: string): string =>
    path === '' || path.startsWith('?') ? `/v1/organizations/${orgId}/audit-logs${path}` : `/v1/audit-logs/${path}`;
  const middle = await cursorInTheMiddle();
  const rows: Cell[][] = [];
  for (const [name, { bar, path }] of Object.entries(cells)) {
    report.progress(name);
    await untilQuiet();
    const times: number[] = [];
    const cpu = cpuMs();
    for (let round = 0; round < 320; round++) {
      const began = performance.now();
      const { status, body } = await assay.caller.get(at(path()));
      if (status !== 200) throw new Error(`${name}: ${status} ${JSON.stringify(body)}`);
      if (round >= 20) times.push(performance.now() - began);
    }
    const p95 = percentile(times, 95);
    rows.push([name, percentile(times, 50), p95, (cpuMs() - cpu) / 320, `≤ ${bar}`, verdict(p95 <= bar)]);
  }
  report.keep('reads', rows);
  report.table({
    title: `S12, S14: over HTTP at ${size.toLocaleString('en-US')} entries, one caller, 300 each, ms`,
    columns: ['', 'p50', 'p95', 'CPU', 'bar', ''],
    rows,
  });
}

/** Where a list goes on that has gone through half of the log. */
async function cursorInTheMiddle(): Promise<string> {
  const path = `/v1/organizations/${orgId}/audit-logs?limit=10000`;
  let next = path;
  for (let page = 0; page < 20; page++) {
    const { body } = await assay.caller.get(next);
    const { links } = body as { links: { next?: string } };
    if (links.next === undefined) break;
    next = links.next;
  }
  return new URL(next, 'http://localhost').searchParams.get('cursor') ?? '';
}

/** A log of its own, exported and then verified by the command line, with nothing but the file. */
async function measureVerifying(): Promise<void> {
  const { orgId: own, caller, apiKey } = await anotherOrganization();
  await writers.fill(own, VERIFIED);
  await untilPlaced(VERIFIED, own);
  const file = join(directory.path, 'log.ndjson');
  report.progress('exporting and verifying');
  await untilQuiet();
  const exporting = performance.now();
  const answer = await fetch(`${assay.url}/v1/audit-logs/export`, { headers: { 'x-api-key': apiKey } });
  await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(file));
  const exported = (performance.now() - exporting) / 1000;
  const { body } = await caller('/v1/audit-logs/keys');
  const { verifier } = (body as { data: { keys: { verifier: string }[] } }).data.keys.at(-1) ?? { verifier: '' };
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    await untilQuiet();
    const began = performance.now();
    const child = spawn(process.execPath, [CLI, 'audit', 'verify', file, '--key', verifier], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`The log did not verify: ${code}`);
    times.push((performance.now() - began) / 1000);
  }
  const took = percentile(times, 50);
  report.keep('verifying', { times, exported });
  report.table({
    title: `S12: ${VERIFIED.toLocaleString('en-US')} entries offline, seconds`,
    columns: ['', 's', 'bar', ''],
    rows: [
      ['exported over HTTP', exported, '', ''],
      ['verified, process and all, median of 3', took, `≤ ${VERIFY_BAR_SECONDS}`, verdict(took <= VERIFY_BAR_SECONDS)],
    ],
  });
}

async function untilPlaced(count: number, of = orgId): Promise<void> {
  while ((await writers.placed(of)) < count) await delay(20);
}

async function organizationOf({ caller }: RunningAssay): Promise<string> {
  const { body } = await caller.get('/v1/me');
  return (body as { data: { principal: { organization_id: string } } }).data.principal.organization_id;
}

/** An organization without an entry: a key of the first one, moved over before its first use. */
async function anotherOrganization() {
  const made = await assay.caller.post('/v1/api-keys', { name: 'Verifying', permission_set: 'full_access' });
  const { api_key, raw_key } = (made.body as { data: { api_key: { id: string }; raw_key: string } }).data;
  const own = randomUUID();
  await writers.moveKey(api_key.id, own);
  const caller = async (path: string) => {
    const answer = await fetch(`${assay.url}${path}`, { headers: { 'x-api-key': raw_key } });
    return { body: (await answer.json()) as unknown };
  };
  return { orgId: own, caller, apiKey: raw_key };
}
