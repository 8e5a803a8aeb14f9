import { z } from 'zod';
import { ENGINES, IsolationReceipt, OfferedEngine, OfferedLanguage, RefusedEngine } from './isolation.ts';

/*
 * The runner protocol, version 1.
 *
 * A runner dials the control plane (WebSocket over a Unix socket or TCP, path RUNNER_PATH, header
 * `authorization: Bearer <runner token>`) and speaks first. Control messages are JSON text frames; program
 * output travels as binary frames (see encodeOutput). Both sides may send at any time.
 *
 *   runner → plane   hello · started · output(binary) · result · rejected
 *   plane → runner   welcome · lease · cancel · output_ack · result_ack · drain
 *
 * A lease is named by (lease_id, fence). The runner repeats both in every message about it; the plane drops
 * what carries an old fence. The runner keeps a lease, its unacknowledged output and its result over a broken
 * connection, and lists what it holds in `hello`; the plane answers for each lease it no longer grants with
 * `cancel`. A result is sent again after every reconnect until `result_ack`.
 *
 * Liveness: WebSocket ping from the plane every `heartbeat_ms`; a side that hears nothing for three of them
 * closes and (the runner) dials again with back-off. A runner that can't reach the plane for `lease_ms` kills
 * what it runs, since the plane will have given the work to another.
 */
export const RUNNER_PROTOCOL = 1;
export const RUNNER_PATH = '/runner/v1/connect';

/** Bytes of output a runner may have sent and not yet seen acknowledged, per lease; past it, it stops reading the program. */
export const OUTPUT_WINDOW_BYTES = 1 << 20;

export const RunLimits = z.object({
  /** Wall time of the run step, milliseconds. */
  wall_ms: z.int().min(1),
  /** CPU time of the whole process tree, milliseconds. */
  cpu_ms: z.int().min(1),
  memory_mb: z.int().min(1),
  processes: z.int().min(1),
  /** Cores, may be fractional. */
  cpus: z.number().positive(),
  /** Standard output and standard error together, bytes. */
  output_bytes: z.int().min(0),
  file_size_mb: z.int().min(1),
  /** All files the program leaves, megabytes. */
  disk_mb: z.int().min(1),
  open_files: z.int().min(3),
});
export type RunLimits = z.infer<typeof RunLimits>;

export const RunFile = z.object({ path: z.string(), /** Base64. */ content: z.string() });

/** One evaluation as the runner gets it: everything it needs, nothing of who asked. */
export const RunSpec = z.object({
  language: z.string(),
  engine: z.enum(ENGINES),
  code: z.string(),
  stdin: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  files: z.array(RunFile),
  /** Paths under the working directory to bring back; `*` and `**` match as in shells. */
  outputs: z.array(z.string()),
  limits: RunLimits,
});
export type RunSpec = z.infer<typeof RunSpec>;

const lease = { lease_id: z.string(), fence: z.int() };

export const Hello = z.object({
  type: z.literal('hello'),
  protocol: z.int(),
  /** Stable for one runner installation, kept in its state directory. */
  runner_id: z.uuid(),
  name: z.string().max(200),
  version: z.string().max(60),
  slots: z.int().min(1),
  engines: z.array(OfferedEngine),
  refused: z.array(RefusedEngine),
  languages: z.array(OfferedLanguage),
  held: z.array(z.object(lease)),
});
export type Hello = z.infer<typeof Hello>;

/** The program is about to run (compiling included). */
export const Started = z.object({ type: z.literal('started'), ...lease });

export const RUN_REASONS = [
  'ok',
  'nonzero_exit',
  'signal',
  'timeout',
  'cpu_limit',
  'memory_limit',
  'output_limit',
  'disk_limit',
  'process_limit',
  'compile_error',
  'cancelled',
  'setup_failed',
] as const;
export type RunReason = (typeof RUN_REASONS)[number];

export const RunResult = z.object({
  type: z.literal('result'),
  ...lease,
  reason: z.enum(RUN_REASONS),
  /** One sentence for the caller, empty when `ok`. */
  message: z.string(),
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  /** Base64 of the bytes that were not sent as output frames. */
  stdout_tail: z.string(),
  stderr_tail: z.string(),
  /** Bytes the program wrote in all up to the limit, tails included. */
  stdout_bytes: z.int(),
  stderr_bytes: z.int(),
  output_truncated: z.boolean(),
  runtime_ms: z.number(),
  compile_ms: z.number().nullable(),
  cpu_ms: z.number().nullable(),
  memory_peak_mb: z.number().nullable(),
  files: z.array(z.object({ path: z.string(), size: z.int(), /** Base64. */ content: z.string() })),
  /** Requested outputs that could not be brought back, with why. */
  files_skipped: z.array(z.object({ path: z.string(), reason: z.string() })),
  receipt: IsolationReceipt.nullable(),
});
export type RunResult = z.infer<typeof RunResult>;

/** The runner can't take this lease (no such engine or language, draining); it did not start it. */
export const Rejected = z.object({ type: z.literal('rejected'), ...lease, message: z.string() });

export const RunnerMessage = z.discriminatedUnion('type', [Hello, Started, RunResult, Rejected]);
export type RunnerMessage = z.infer<typeof RunnerMessage>;

export const Welcome = z.object({ type: z.literal('welcome'), heartbeat_ms: z.int(), lease_ms: z.int() });
export const Lease = z.object({ type: z.literal('lease'), ...lease, spec: RunSpec });
export type Lease = z.infer<typeof Lease>;
/** Stop the run, kill its tree, report a result with reason `cancelled`; or forget it, when `report` is false. */
export const Cancel = z.object({ type: z.literal('cancel'), ...lease, report: z.boolean() });
/** Output up to these offsets is durable. */
export const OutputAck = z.object({ type: z.literal('output_ack'), ...lease, stdout: z.int(), stderr: z.int() });
export const ResultAck = z.object({ type: z.literal('result_ack'), ...lease });
/** Finish what runs, take nothing new. */
export const Drain = z.object({ type: z.literal('drain') });

export const PlaneMessage = z.discriminatedUnion('type', [Welcome, Lease, Cancel, OutputAck, ResultAck, Drain]);
export type PlaneMessage = z.infer<typeof PlaneMessage>;

/** One piece of program output: `offset` counts bytes of that stream from the start of the run. */
export type OutputFrame = {
  leaseId: string;
  fence: number;
  stream: 'stdout' | 'stderr';
  offset: number;
  bytes: Uint8Array;
};

const OUTPUT_KIND = 1;

/**
 * Encodes an output frame: kind (u8 = 1) · stream (u8, 1 stdout, 2 stderr) · fence (u48 BE) · offset (u48 BE) ·
 * length of the lease id (u8) · lease id (ASCII) · bytes.
 */
export function encodeOutput(frame: OutputFrame): Buffer {
  const id = Buffer.from(frame.leaseId, 'ascii');
  const head = Buffer.alloc(15 + id.length);
  head.writeUInt8(OUTPUT_KIND, 0);
  head.writeUInt8(frame.stream === 'stdout' ? 1 : 2, 1);
  head.writeUIntBE(frame.fence, 2, 6);
  head.writeUIntBE(frame.offset, 8, 6);
  head.writeUInt8(id.length, 14);
  id.copy(head, 15);
  return Buffer.concat([head, frame.bytes]);
}

/** Decodes an output frame; throws RangeError on anything that is not one. */
export function decodeOutput(data: Buffer): OutputFrame {
  if (data.length < 15 || data.readUInt8(0) !== OUTPUT_KIND) throw new RangeError('Not an output frame.');
  const stream = data.readUInt8(1);
  if (stream !== 1 && stream !== 2) throw new RangeError('Unknown output stream.');
  const end = 15 + data.readUInt8(14);
  if (data.length < end) throw new RangeError('Output frame is cut short.');
  return {
    leaseId: data.toString('ascii', 15, end),
    fence: data.readUIntBE(2, 6),
    stream: stream === 1 ? 'stdout' : 'stderr',
    offset: data.readUIntBE(8, 6),
    bytes: data.subarray(end),
  };
}
