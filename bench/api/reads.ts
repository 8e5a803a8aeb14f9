import { inRounds, mostForeign } from '../measure/rounds.ts';
import { ratio, verdict } from '../measure/table.ts';
import { startChild } from '../product/child-program.ts';
import { type ApiBench, medianOf, readPlan, shown } from './api-bench.ts';
import { loadCell } from './loaded-cell.ts';
import type { PeerReady } from './read-peer.ts';
import type { GovernedServer } from './set-up.ts';

const MANY = 32;
/** S8: part of the peer's rate that a governed read reaches. */
const BAR = 0.6;

/** S8: a governed read by id beside Fastify with one prepared read. */
export async function measureReads(bench: ApiBench, governed: GovernedServer, ids: readonly string[]): Promise<void> {
  const { report, generator, database, rounds, seconds } = bench;
  await bench.owner.fillPeerTable(ids);
  await using peer = await startChild<PeerReady>(new URL('read-peer.ts', import.meta.url), {
    DATABASE_URL: database.url,
  });
  const answers = ids.map((id) => `/answers/${id}`);
  const statuses = ids.map((id) => `/api/eval-status/${id}`);
  const ofPeer = (callers: number) => () =>
    loadCell(generator, readPlan(peer.ready.url, answers, callers, seconds), {
      server: peer.cpuMs,
      database: database.cpuMs,
    });
  const ofUs = (callers: number) => () =>
    loadCell(generator, readPlan(governed.ready.url, statuses, callers, seconds), {
      server: governed.cpuMs,
      database: database.cpuMs,
    });
  report.progress('reads by id');
  const samples = await inRounds(
    { 'peer, many': ofPeer(MANY), 'governed, many': ofUs(MANY), 'peer, one': ofPeer(1), 'governed, one': ofUs(1) },
    rounds,
  );
  report.keep('reads', samples);
  const peerMany = medianOf(samples['peer, many']);
  const governedMany = medianOf(samples['governed, many']);
  const peerOne = medianOf(samples['peer, one']);
  const governedOne = medianOf(samples['governed, one']);
  report.table({
    title: `S8: governed read by id beside Fastify with one prepared read, each in a process of its own (${generator.name})`,
    columns: ['', 'requests/s', 'p50 ms', 'p99 ms', 'server µs', 'database µs', 'of the peer'],
    rows: [
      [`Fastify + read, ${MANY} callers`, ...shown(peerMany), ratio(1, 1)],
      [`governed, ${MANY} callers`, ...shown(governedMany), ratio(governedMany.perSecond, peerMany.perSecond)],
      ['Fastify + read, 1 caller', ...shown(peerOne), ratio(1, 1)],
      ['governed, 1 caller', ...shown(governedOne), ratio(governedOne.perSecond, peerOne.perSecond)],
    ],
    note:
      `bar: ≥ ${BAR}× at ${MANY} callers: ${verdict(governedMany.perSecond >= BAR * peerMany.perSecond)}; ` +
      `others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
}
