/** The ledger: what shared commits give over a transaction for each call, and what reading usage costs at many records. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newId } from '../../packages/server/src/kernel/ids.ts';
import { Journal, Ledger } from '../../packages/server/src/modules/metering/index.ts';
import type { Claims } from '../../packages/server/src/modules/metering/ledger/model.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import { Report } from '../measure/report.ts';
import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { type Sustained, sustain } from '../measure/sustained.ts';
import { ratio, verdict } from '../measure/table.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';
import { decideAlone } from './alone.ts';
import { anOrganization, ledgerDatabase } from './ledger-database.ts';
import { measureUsage } from './usage.ts';

const PAIRS_BAR = 3_000;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    records: { type: 'string', default: '1000000' },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

await using directory = await scratchDirectory();
await using database = await ledgerDatabase(join(directory.path, 'data'));
const report = new Report('ledger');
const { orgId, teamId, apiKeyId } = await anOrganization(database);
const journal = await Journal.start(join(directory.path, 'journal'));
const log = createLog({ level: 'warn', format: 'json' });
await using ledger = new Ledger({
  transaction: (work) => database.system.transaction({ orgId: null }, work),
  told: () => {},
  journal,
  log,
});

const claims: Claims = {
  orgId,
  teamId,
  projectId: null,
  principal: { kind: 'api_key', id: apiKeyId },
  apiKeyId,
  agentId: null,
  work: null,
  provider: 'openai',
  model: 'gpt-4o-mini',
  priceVersion: 'bench',
  isBatch: false,
  tags: { feature: 'search' },
  requestId: newId(),
};
const delivered = { cost: 700, quantities: { input: 1_200, output: 300 }, outcome: 'completed' as const };

async function shared(): Promise<void> {
  const hold = await ledger.reserve({ claims, amount: 1_000 });
  await hold.settle(delivered);
}
async function alone(): Promise<void> {
  const id = newId();
  const named = { orgId, id, attached: {} };
  const nodeId = journal.nodeId;
  const amount = 1_000;
  const reservation = { kind: 'reserve' as const, ...named, claims, amount, least: amount, nodeId, isFact: false };
  await decideAlone(database.system, reservation);
  await decideAlone(database.system, { kind: 'settle', ...named, ...delivered, isEstimated: false });
}

const cell = (act: () => Promise<void>, callers: number) => () => sustain({ callers, warmUpSeconds: 1, seconds, act });
const CALLERS = [1, 16, 64, 256] as const;
report.progress(`${rounds} rounds of ${CALLERS.length * 2} cells, ${seconds} s each`);
const samples: Record<string, Sample<Sustained>[]> = await inRounds(
  Object.fromEntries(
    CALLERS.flatMap((n) => [
      [`shared ${n}`, cell(shared, n)],
      [`alone ${n}`, cell(alone, n)],
    ]),
  ),
  rounds,
);
const rateOf = (name: string): number => median((samples[name] ?? []).map(({ figure }) => figure.perSecond));
const latency = (name: string) => latencyOf((samples[name] ?? []).flatMap(({ figure }) => figure.times));
const peak = Math.max(...CALLERS.map((n) => rateOf(`shared ${n}`)));
report.table({
  title: `Reserve and settle, pairs/s on three nested budgets, one hot: medians of ${rounds}`,
  columns: ['callers', 'shared commits', 'p50 ms', 'p99 ms', 'a transaction a call', 'p50 ms', 'p99 ms', 'ratio'],
  rows: CALLERS.map((n) => {
    const [ours, theirs] = [latency(`shared ${n}`), latency(`alone ${n}`)];
    const rates = [rateOf(`shared ${n}`), rateOf(`alone ${n}`)] as const;
    return [String(n), rates[0], ours.p50, ours.p99, rates[1], theirs.p50, theirs.p99, ratio(...rates)];
  }),
  note: `bar: ≥ ${PAIRS_BAR} pairs/s: ${verdict(peak >= PAIRS_BAR)}; others used ${mostForeign(samples).toFixed(2)} cores at most`,
});

const [writes, slots] = [200_000, [newId(), newId()].map((id) => journal.open({ orgId, id, reservedAt: new Date() }))];
const began = performance.now();
for (let i = 0; i < writes; i++) for (const slot of slots) journal.write(slot, i, { input: 1_200, output: i });
const each = ((performance.now() - began) * 1_000) / (writes * slots.length);
for (const slot of slots) journal.close(slot);
report.table({ title: 'Journal', columns: ['', 'µs'], rows: [['progress of one call written down', each]] });

report.table(await measureUsage(database, Number(values.records), (text) => report.progress(text)));
report.keep('samples', samples);
report.save();
