import { medianOf } from '../api/api-bench.ts';
import { type CellFigures, loadCell } from '../api/loaded-cell.ts';
import type { LoadPlan } from '../load/load-plan.ts';
import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { type Cell, ratio, verdict } from '../measure/table.ts';
import type { GatewayBench } from './gateway-bench.ts';
import { direct, type Gateway } from './gateways.ts';
import { question } from './wire-format.ts';

const CALLERS = [1, 16, 64, 256] as const;
const MODELS = ['wait-20ms', 'wait-0ms'] as const;
/** S1: times the peer's rate. */
const BAR = 3;

export const chatPlan = (
  { origin, path, headers }: Gateway,
  of: { model: string; callers: number; seconds: number },
): LoadPlan => ({
  origin,
  method: 'POST',
  paths: [path],
  headers,
  body: JSON.stringify(question(of.model)),
  uniqueHeader: null,
  callers: of.callers,
  seconds: of.seconds,
});

/** S1: whole answers a second, by how many callers ask at once. */
export async function measureThroughput(bench: GatewayBench): Promise<void> {
  for (const model of MODELS) await measureOver(bench, model);
}

async function measureOver(bench: GatewayBench, model: string): Promise<void> {
  const { report, generator, mock, portkey, product, rounds, seconds } = bench;
  report.progress(`whole answers, ${model}`);
  const gateways = { direct: direct(mock), portkey, product };
  const cells = Object.fromEntries(
    CALLERS.flatMap((callers) =>
      Object.entries(gateways).map(([name, gateway]) => [
        `${name} ${callers}`,
        () => loadCell(generator, chatPlan(gateway, { model, callers, seconds }), gateway.cpu),
      ]),
    ),
  );
  const samples: Record<string, Sample<CellFigures>[]> = await inRounds(cells, rounds, bench);
  report.keep(`S1 ${model}`, samples);
  const of = (name: string, callers: number): CellFigures => medianOf(samples[`${name} ${callers}`] ?? []);
  const isMet = CALLERS.map((callers) => of('product', callers).perSecond >= BAR * of('portkey', callers).perSecond);
  report.table({
    title: `S1: whole answers, upstream ${model}: medians of ${rounds} (${generator.name})`,
    columns: ['', 'requests/s', 'p50 ms', 'p99 ms', 'server µs', 'database µs', 'of Portkey', `≥ ${BAR}×`],
    rows: CALLERS.flatMap((callers, at): Cell[][] => {
      const [mocked, peer, ours] = [of('direct', callers), of('portkey', callers), of('product', callers)];
      const callersOf = callers === 1 ? '1 caller' : `${callers} callers`;
      return [
        [`mock alone, ${callersOf}`, ...shown(mocked), '', ''],
        [`Portkey, ${callersOf}`, ...shown(peer), ratio(1, 1), ''],
        [
          `Assay, ${callersOf}`,
          ...shown(ours),
          ratio(ours.perSecond, peer.perSecond),
          isMet[at] === undefined ? '' : verdict(isMet[at]),
        ],
      ];
    }),
    note: `others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
}

const shown = ({ perSecond, p50Ms, p99Ms, serverMicros, databaseMicros }: CellFigures): Cell[] => [
  perSecond,
  p50Ms,
  p99Ms,
  serverMicros,
  databaseMicros,
];
