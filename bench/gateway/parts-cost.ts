import { join } from 'node:path';
import { medianOf, shown } from '../api/api-bench.ts';
import { type CellFigures, loadCell } from '../api/loaded-cell.ts';
import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import type { Cell } from '../measure/table.ts';
import { Caller } from '../product/caller.ts';
import { startChild } from '../product/child-program.ts';
import { startDatabase } from '../product/database.ts';
import { API_KEY } from '../product/running-assay.ts';
import type { GatewayBench } from './gateway-bench.ts';
import { addMock, type Gateway, GOVERNED, PATH } from './gateways.ts';
import type { PartsReady } from './governed-server.ts';
import { PARTS, type Part } from './switched-off.ts';
import { chatPlan } from './throughput.ts';

const CALLERS = 64;
const MODEL = 'wait-0ms';
/** The row that the others are compared with. */
const WHOLE = 'everything on';

/** What each part of the governance of a model call costs: the same call with one part after the other switched off. */
export async function measureParts(
  { report, generator, mock, rounds, seconds, isQuick }: Omit<GatewayBench, 'portkey' | 'product'>,
  directory: string,
): Promise<void> {
  await using database = await startDatabase(join(directory, 'database'));
  await using governed = await startChild<PartsReady>(new URL('governed-server.ts', import.meta.url), {
    ...GOVERNED,
    DATABASE_URL: database.url,
    ASSAY_RATE_COUNTERS: 'process',
    ASSAY_DATA_DIR: join(directory, 'governed'),
    ASSAY_HTTP_PORT: '0',
    ASSAY_GRPC_PORT: '0',
    ASSAY_LOG_LEVEL: 'error',
    ASSAY_BOOTSTRAP_API_KEY: API_KEY,
  });
  const { url, without } = governed.ready;
  await addMock({ caller: new Caller(url, API_KEY) }, mock.ready.url);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` };
  const cpu: Gateway['cpu'] = { server: governed.cpuMs, database: database.cpuMs };
  const plan = (origin: string, of = seconds) =>
    chatPlan({ origin, path: PATH, headers, cpu }, { model: MODEL, callers: CALLERS, seconds: of });
  const origins: Record<string, string> = { [WHOLE]: url, ...without };
  report.progress('the parts of a call');
  // All run the same code in one process: whoever came first would be measured while it is still being compiled.
  for (const origin of Object.values(origins)) await generator.run(plan(origin, 1));
  const cells = Object.fromEntries(
    Object.entries(origins).map(([name, origin]) => [name, () => loadCell(generator, plan(origin), cpu)]),
  );
  const samples: Record<string, Sample<CellFigures>[]> = await inRounds(cells, rounds, { isQuick });
  report.keep('parts', samples);
  const whole = medianOf(samples[WHOLE] ?? []);
  const row = (part: Part): Cell[] => {
    const figures = medianOf(samples[part] ?? []);
    const saved = [whole.serverMicros - figures.serverMicros, whole.databaseMicros - figures.databaseMicros];
    return [part, ...shown(figures), ...saved];
  };
  report.table({
    title: `What the parts of a model call cost, ${CALLERS} callers, upstream ${MODEL}: without…`,
    columns: ['', 'requests/s', 'p50 ms', 'p99 ms', 'server µs', 'database µs', 'costs server µs', 'costs database µs'],
    rows: [[WHOLE, ...shown(whole), null, null], ...PARTS.map(row)],
    note: `others used at most ${mostForeign(samples).toFixed(2)} cores`,
  });
}
