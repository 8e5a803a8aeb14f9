import type { RunnerId } from '../../src/kernel/ids.ts';
import { newId } from '../../src/kernel/ids.ts';
import type {
  LeaseName,
  RunnerHub,
  RunnerLink,
  RunnerSession,
  RunReport,
  RunSpec,
} from '../../src/modules/runners/index.ts';

/** A runner that does nothing by itself: the test sees what it was told and says what it answers. */
export type FakeRunner = {
  id: RunnerId;
  session: RunnerSession;
  leases: (LeaseName & { spec: RunSpec })[];
  cancelled: (LeaseName & { report: boolean })[];
  acked: string[];
};

export type FakeRunnerOptions = { id?: string; slots?: number; held?: LeaseName[] };

/** Connects a fake runner to a hub, with python under bubblewrap. */
export async function fakeRunner(
  hub: RunnerHub,
  { id = newId(), slots = 2, held = [] }: FakeRunnerOptions = {},
): Promise<FakeRunner> {
  const leases: FakeRunner['leases'] = [];
  const cancelled: FakeRunner['cancelled'] = [];
  const acked: string[] = [];
  const link: RunnerLink = {
    lease: (name, spec) => void leases.push({ ...name, spec }),
    cancel: (name, report) => void cancelled.push({ leaseId: name.leaseId, fence: name.fence, report }),
    ackOutput: () => {},
    ackResult: ({ leaseId }) => void acked.push(leaseId),
    close: () => {},
  };
  const engine = {
    engine: 'bubblewrap',
    level: 'strong',
    version: '0',
    languages: ['python'],
    auto: true,
    missing: [],
  } as const;
  const session = await hub.attach(
    id as RunnerId,
    {
      name: 'fake',
      version: '0',
      slots,
      engines: [{ ...engine, languages: ['python'], missing: [] }],
      refused: [],
      languages: [{ language: 'python', version: '3', compiled: false }],
    },
    held,
    link,
  );
  return { id: id as RunnerId, session, leases, cancelled, acked };
}

/** The report of a run that went well, with this output. */
export const wentWell = (stdout: string, over: Partial<RunReport> = {}): RunReport => ({
  reason: 'ok',
  message: '',
  exitCode: 0,
  signal: null,
  stdoutTail: Buffer.from(stdout),
  stderrTail: Buffer.alloc(0),
  stdoutBytes: Buffer.byteLength(stdout),
  stderrBytes: 0,
  outputTruncated: false,
  runtimeMs: 1,
  compileMs: null,
  cpuMs: 1,
  memoryPeakMb: 1,
  files: [],
  filesSkipped: [],
  receipt: { engine: 'bubblewrap' },
  ...over,
});
