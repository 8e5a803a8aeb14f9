import type { LoadFigures, LoadGenerator } from '../load/load-plan.ts';
import { inRounds, mostForeign } from '../measure/rounds.ts';
import { ratio, verdict } from '../measure/table.ts';
import { startChild } from '../product/child-program.ts';
import { type ApiBench, medianOf, shown, writePlan } from './api-bench.ts';
import { loadCell } from './loaded-cell.ts';
import { fillQueue, type GovernedServer } from './set-up.ts';
import type { TransactionQuestion } from './transaction-peer.ts';

const MANY = 16;
/** S7: part of the bare transaction's rate that a governed write reaches. */
const BAR = 0.4;

/** S7, for the write that there is: a submission, beside a transaction of three statements on bare connections. */
export async function measureWrites(bench: ApiBench, governed: GovernedServer): Promise<void> {
  const { report, generator, database, owner, rounds, seconds } = bench;
  await using peer = await startChild<object>(new URL('transaction-peer.ts', import.meta.url), {
    DATABASE_URL: database.url,
  });
  const transactions: LoadGenerator = {
    name: 'transactions',
    run: ({ callers, seconds: long }) =>
      peer.ask<LoadFigures>({ callers, seconds: long } satisfies TransactionQuestion),
  };
  const ofPeer = (callers: number) => () =>
    loadCell(transactions, writePlan('', callers, seconds), { server: peer.cpuMs, database: database.cpuMs });
  const ofUs = (callers: number, uniqueHeader?: string) => async () => {
    await owner.emptyQueue();
    const plan = writePlan(governed.ready.url, callers, seconds, uniqueHeader);
    return loadCell(generator, plan, { server: governed.cpuMs, database: database.cpuMs });
  };
  report.progress('submissions');
  const samples = await inRounds(
    {
      'peer, many': ofPeer(MANY),
      'governed, many': ofUs(MANY),
      'keyed, many': ofUs(MANY, 'Idempotency-Key'),
      'peer, one': ofPeer(1),
      'governed, one': ofUs(1),
    },
    rounds,
  );
  report.keep('writes', samples);
  const peerMany = medianOf(samples['peer, many']);
  const governedMany = medianOf(samples['governed, many']);
  const keyedMany = medianOf(samples['keyed, many']);
  const peerOne = medianOf(samples['peer, one']);
  const governedOne = medianOf(samples['governed, one']);
  report.table({
    title: `S7: submission of an evaluation beside begin, 3 statements, commit on bare connections (${generator.name})`,
    columns: ['', 'writes/s', 'p50 ms', 'p99 ms', 'server µs', 'database µs', 'of the peer'],
    rows: [
      [`bare transaction, ${MANY} callers`, ...shown(peerMany), ratio(1, 1)],
      [`submission, ${MANY} callers`, ...shown(governedMany), ratio(governedMany.perSecond, peerMany.perSecond)],
      ['… with an Idempotency-Key', ...shown(keyedMany), ratio(keyedMany.perSecond, peerMany.perSecond)],
      ['bare transaction, 1 caller', ...shown(peerOne), ratio(1, 1)],
      ['submission, 1 caller', ...shown(governedOne), ratio(governedOne.perSecond, peerOne.perSecond)],
    ],
    note:
      `bar: ≥ ${BAR}× at ${MANY} callers: ${verdict(governedMany.perSecond >= BAR * peerMany.perSecond)}; ` +
      `the queue grows meanwhile, from empty; others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
}

/** How long the queue is when submissions are measured, and for how short a time, so that it stays about that long. */
const DEPTHS = [0, 1_000, 10_000];
const SHORT_SECONDS = 1;

/** What a submission costs when others wait already. */
export async function measureQueueDepths(bench: ApiBench, governed: GovernedServer): Promise<void> {
  const { report, generator, database, owner, rounds } = bench;
  const at = (depth: number) => async () => {
    await owner.emptyQueue();
    await fillQueue(governed.caller, depth);
    const plan = writePlan(governed.ready.url, 1, SHORT_SECONDS);
    return loadCell(generator, plan, { server: governed.cpuMs, database: database.cpuMs });
  };
  report.progress('submissions by length of the queue');
  const samples = await inRounds(Object.fromEntries(DEPTHS.map((depth) => [depth, at(depth)])), rounds);
  report.keep('queue depths', samples);
  report.table({
    title: 'Submission by length of the queue, 1 caller',
    columns: ['queued before', 'writes/s', 'p50 ms', 'p99 ms', 'server µs', 'database µs'],
    rows: DEPTHS.map((depth) => [depth.toLocaleString('en-US'), ...shown(medianOf(samples[depth] ?? []))]),
  });
}
