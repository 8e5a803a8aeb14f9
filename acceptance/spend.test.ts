import { afterAll, expect, test } from 'vitest';
import { CommitWatch } from './harness/commit-watch.ts';
import { FaultyProvider } from './harness/faulty-provider.ts';
import { Server } from './harness/server.ts';
import { faultsOfBill, type Record, type Seen, Spender, scenarioOf } from './harness/spending.ts';
import { until } from './harness/until.ts';

/*
 * The promise of budgets, whatever happens: for each seed an organization with three budgets within each other, 96 callers at
 * once over three wire formats, two providers that fail in every way there is, callers who leave, and a server that is
 * killed in the middle and started again. Every commit is looked at, and in the end every bill.
 */
const SEEDS = Number(process.env['ASSAY_R3_SEEDS'] ?? 4);
const FIRST = Number(process.env['ASSAY_R3_FIRST'] ?? 1);
/** Organizations that share a server, and its death. */
const TOGETHER = Number(process.env['ASSAY_R3_TOGETHER'] ?? 2);
/** Streams that are under way at the same time, before the first says a word. */
const AT_ONCE = 64;
const PATIENCE_MS = 4_000;
const DEADLINE_MS = 120_000;

const provider = await FaultyProvider.start();
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_OUTBOUND_NETWORKS: 'loopback', ASSAY_GRPC_PORT: 'off', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});
await until('the API answers', async () => (await server.as().get('/v1/me')).status === 200, 60_000);
const watch = await CommitWatch.begin(server);

/** What all seeds came to: a run in which nobody left and nothing was lost has shown nothing. */
const total = {
  calls: 0,
  refused: 0,
  unanswered: 0,
  completed: 0,
  cancelled: 0,
  failed: 0,
  lost: 0,
  overruns: 0,
  commits: 0,
};

async function spend(seeds: readonly number[]): Promise<void> {
  const scenarios = seeds.map((seed) => ({ seed, ...scenarioOf(seed) }));
  const spenders = await Promise.all(
    scenarios.map(({ seed, caps }) => Spender.create({ server, provider }, { name: `spender-${seed}`, caps })),
  );
  const gathered = provider.gather(AT_ONCE, PATIENCE_MS);
  const seen = spenders.map((spender, at) => spender.make(scenarios[at]?.calls ?? []));
  await gathered;
  const killedAfter = scenarios[0]?.killedAfterPieces ?? null;
  if (killedAfter !== null) {
    const from = provider.pieces;
    let isOver = false;
    void Promise.all(seen).then(() => {
      isOver = true;
    });
    await until('it is time to kill', () => isOver || provider.pieces - from >= killedAfter);
    server.signal('SIGKILL');
    await server.exited;
    await server.start();
  }
  const before = await Promise.all(seen);
  const after = await Promise.all(spenders.map((spender, at) => spender.make(scenarios[at]?.after ?? [])));
  for (const [at, spender] of spenders.entries()) {
    const calls = [...(before[at] ?? []), ...(after[at] ?? [])];
    await expectPromiseKept(spender, calls, `seed ${seeds[at]}`);
  }
}

async function expectPromiseKept(spender: Spender, calls: Seen[], seed: string): Promise<void> {
  const { tenant, budgets } = spender;
  const { records, spent } = await spender.settled(watch);
  const amounts = await watch.amounts(tenant.orgId);
  const { count, beyond } = await watch.commits(tenant.orgId);
  expect(beyond, `${seed}: budgets beyond their caps`).toEqual([]);
  const wrong = calls.flatMap((call) => {
    const record = records.get(call.id);
    const amount = record && amounts.get(record.id);
    const served = provider.served(call.id);
    const told = JSON.stringify({ ...call, served, outcome: record?.outcome, by: record?.provider });
    return faultsOfBill(call, { record, amount, served }).map((fault) => `${fault}: ${told}`);
  });
  expect(wrong, `${seed}: wrong bills`).toEqual([]);
  expect(records.size, `${seed}: bills of calls that were made`).toBe(calls.filter(({ id }) => records.has(id)).length);
  const sum = (of: Iterable<Record>): number => [...of].reduce((micros, { cost_micros }) => micros + cost_micros, 0);
  const all = sum(records.values());
  expect({ total: spent.get(budgets.total) ?? 0, month: spent.get(budgets.month) ?? 0 }, seed).toEqual({
    total: all,
    month: all,
  });
  expect(
    budgets.keys.reduce((micros, id) => micros + (spent.get(id) ?? 0), 0),
    seed,
  ).toBe(all);
  const usage = await server.as(tenant.apiKey).get(`/v1/organizations/${tenant.orgId}/usage`);
  expect(usage.body, seed).toMatchObject({ data: { usage: { total: { cost_micros: all, records: records.size } } } });
  tally(calls, records, count);
}

function tally(calls: readonly Seen[], records: ReadonlyMap<string, Record>, commits: number): void {
  total.calls += calls.length;
  total.refused += calls.filter(({ isOverBudget }) => isOverBudget).length;
  total.unanswered += calls.filter(({ status }) => status !== null && status >= 500).length;
  for (const { outcome, overrun_micros } of records.values()) {
    total[outcome] += 1;
    if (overrun_micros > 0) total.overruns += 1;
  }
  total.commits += commits;
}

const groups = Array.from({ length: Math.ceil(SEEDS / TOGETHER) }, (_, group) =>
  Array.from({ length: Math.min(TOGETHER, SEEDS - group * TOGETHER) }, (_each, at) => FIRST + group * TOGETHER + at),
);

test.each(groups.map((seeds) => [seeds.join(', '), seeds] as const))(
  'no budget is exceeded at any commit, and what is spent is what was delivered: seeds %s',
  { timeout: DEADLINE_MS },
  (_name, seeds) => spend(seeds),
);

test('among all of them there was everything that can happen', () => {
  const rare = SEEDS < 20 ? ['failed', 'unanswered', 'overruns'] : [];
  const never = Object.entries(total).flatMap(([what, often]) => (often === 0 && !rare.includes(what) ? [what] : []));
  expect(never, JSON.stringify(total)).toEqual([]);
  expect(provider.mostAtOnce).toBeGreaterThanOrEqual(AT_ONCE);
});
