/** What a unary call over gRPC costs beside the same operation over HTTP, of the same server, in the same run. */
import { EvaluationService, IdentityService, pathOf } from '@assay/contract/grpc';
import { create, type DescMethodUnary, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { readLength } from '../measure/length.ts';
import { Report } from '../measure/report.ts';
import { inRounds, mostForeign } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { sustain } from '../measure/sustained.ts';
import { type Cell, ratio } from '../measure/table.ts';
import { cpuPerAct, readCpu } from '../product/parts.ts';
import { API_KEY, type RunningAssay, startAssay } from '../product/running-assay.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';

const WARM_UP_SECONDS = 1;
const CALLERS = [1, 16] as const;

type Figure = { perSecond: number; p50: number; p99: number; serverMs: number };
type Act = () => Promise<unknown>;

async function measure(
  server: RunningAssay,
  { act, callers, seconds }: { act: Act; callers: number; seconds: number },
) {
  let before = readCpu(server.pid);
  let after = before;
  const { acts, perSecond, times } = await sustain({
    callers,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds,
    act,
    onWindow(edge) {
      if (edge === 'opens') before = readCpu(server.pid);
      else after = readCpu(server.pid);
    },
  });
  const { p50, p99 } = latencyOf(times);
  return { perSecond, p50, p99, serverMs: cpuPerAct(before, after, acts).server } satisfies Figure;
}

/** A method as a function, over one connection. */
function over(client: Client) {
  const metadata = new Metadata();
  metadata.set('x-api-key', API_KEY);
  return <In extends Parameters<typeof create>[0], Out extends Parameters<typeof create>[0]>(
    method: DescMethodUnary<In, Out>,
    init: MessageInitShape<In>,
  ): Promise<unknown> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        pathOf(method),
        (message: Uint8Array) => Buffer.from(message),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        toBinary(method.input, create(method.input, init)),
        metadata,
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
}

async function get(server: RunningAssay, path: string): Promise<unknown> {
  const { status, body } = await server.caller.get(path);
  if (status !== 200) throw new Error(`${path} was answered with ${status}.`);
  return body;
}

const { rounds, seconds } = readLength({ rounds: 3, seconds: 3 });
const report = new Report('grpc');
await using directory = await scratchDirectory();
await using server = await startAssay({ dataDir: directory.path });
const readiness = (await get(server, '/readyz')) as { checks: { name: string; detail: string }[] };
const [, address = ''] =
  /listens on (\S+),/.exec(readiness.checks.find(({ name }) => name === 'grpc')?.detail ?? '') ?? [];
const client = new Client(address, credentials.createInsecure());
const call = over(client);
const { body } = await server.caller.post('/api/eval?wait=30', { code: 'print("hi")' });
const id = (body as { eval_id: string }).eval_id;

const WAYS: Record<string, { http: Act; grpc: Act }> = {
  'who am I, no query': {
    http: () => get(server, '/v1/me'),
    grpc: () => call(IdentityService.method.me, {}),
  },
  'an evaluation by id, one query': {
    http: () => get(server, `/api/eval/${id}`),
    grpc: () => call(EvaluationService.method.get, { id }),
  },
};

const rows: Cell[][] = [];
let foreign = 0;
for (const [what, { http, grpc }] of Object.entries(WAYS)) {
  for (const callers of CALLERS) {
    report.progress(`${what}, ${callers} callers`);
    const samples = await inRounds(
      {
        http: () => measure(server, { act: http, callers, seconds }),
        grpc: () => measure(server, { act: grpc, callers, seconds }),
      },
      rounds,
    );
    report.keep(`${what}, ${callers} callers`, samples);
    foreign = Math.max(foreign, mostForeign(samples));
    const middle = (way: 'http' | 'grpc', figure: keyof Figure): number =>
      median(samples[way].map((sample) => sample.figure[figure]));
    for (const way of ['http', 'grpc'] as const) {
      const serverMs = middle(way, 'serverMs');
      const beside = way === 'http' ? '' : ratio(serverMs, middle('http', 'serverMs'));
      rows.push([
        `${what}; ${way}`,
        callers,
        middle(way, 'perSecond'),
        middle(way, 'p50'),
        middle(way, 'p99'),
        serverMs * 1_000,
        beside,
      ]);
    }
  }
}
report.table({
  title: `Unary gRPC beside HTTP, the same operation of the same server, medians of ${rounds}`,
  columns: ['', 'callers', 'calls/s', 'p50 ms', 'p99 ms', 'server CPU µs', 'to HTTP'],
  rows,
  note: `Callers are in one process of Node, which is what is busy at 16; others used at most ${foreign.toFixed(2)} cores`,
});
client.close();
report.save();
