import { encodeOutput, OUTPUT_WINDOW_BYTES } from '@assay/contract/runner';
import type { OutputSink } from '../engine.ts';

type Stream = 'stdout' | 'stderr';

/** A frame goes out when this much has gathered … */
const FRAME_BYTES = 32 * 1024;
/** … or this long after its first byte. A run that is shorter sends none: its output travels in the result. */
const FRAME_MS = 100;

type Lane = {
  /** Not sent yet. */
  gathered: Buffer[];
  gatheredBytes: number;
  /** Sent, and perhaps lost: kept until the plane has it. */
  unacked: { offset: number; bytes: Buffer }[];
  sent: number;
  acked: number;
};

const newLane = (): Lane => ({ gathered: [], gatheredBytes: 0, unacked: [], sent: 0, acked: 0 });

export type OutputRelayOptions = {
  leaseId: string;
  fence: number;
  /** Sends a frame if there is a connection. */
  send(frame: Buffer): void;
};

/** Carries a program's output to the plane in order, holds what is not acknowledged, and holds the program back. */
export class OutputRelay implements OutputSink {
  readonly #options: OutputRelayOptions;
  readonly #lanes: Record<Stream, Lane> = { stdout: newLane(), stderr: newLane() };
  #timer: NodeJS.Timeout | null = null;
  #resume: (() => void)[] = [];

  constructor(options: OutputRelayOptions) {
    this.#options = options;
  }

  write(stream: Stream, bytes: Buffer): void | Promise<void> {
    const lane = this.#lanes[stream];
    lane.gathered.push(bytes);
    lane.gatheredBytes += bytes.length;
    if (lane.gatheredBytes >= FRAME_BYTES) this.#flush(stream);
    else this.#timer ??= setTimeout(() => this.#flushAll(), FRAME_MS);
    if (this.#unacked() < OUTPUT_WINDOW_BYTES) return;
    return new Promise((resolve) => this.#resume.push(resolve));
  }

  /** The plane has this much of each stream. */
  acknowledge(upTo: Record<Stream, number>): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const lane = this.#lanes[stream];
      lane.acked = Math.max(lane.acked, upTo[stream]);
      lane.unacked = lane.unacked.filter(({ offset, bytes }) => offset + bytes.length > lane.acked);
    }
    if (this.#unacked() < OUTPUT_WINDOW_BYTES) this.release();
  }

  /** After a new connection: what was on its way may be lost. The plane drops what it has already. */
  resend(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      for (const { offset, bytes } of this.#lanes[stream].unacked) this.#send(stream, offset, bytes);
    }
  }

  /** Lets the program go on whatever is unacknowledged: it is being ended. */
  release(): void {
    const waiting = this.#resume;
    this.#resume = [];
    for (const resume of waiting) resume();
  }

  /** Ends the relay: what was never sent is given back for the result. */
  close(): Record<Stream, { tail: Buffer; bytes: number }> {
    if (this.#timer) clearTimeout(this.#timer);
    this.release();
    const rest = ({ gathered, sent }: Lane): { tail: Buffer; bytes: number } => {
      const tail = Buffer.concat(gathered);
      return { tail, bytes: sent + tail.length };
    };
    return { stdout: rest(this.#lanes.stdout), stderr: rest(this.#lanes.stderr) };
  }

  #unacked(): number {
    return this.#lanes.stdout.sent - this.#lanes.stdout.acked + (this.#lanes.stderr.sent - this.#lanes.stderr.acked);
  }

  #flushAll(): void {
    this.#timer = null;
    this.#flush('stdout');
    this.#flush('stderr');
  }

  #flush(stream: Stream): void {
    const lane = this.#lanes[stream];
    if (lane.gatheredBytes === 0) return;
    const bytes = Buffer.concat(lane.gathered);
    const offset = lane.sent;
    lane.gathered = [];
    lane.gatheredBytes = 0;
    lane.sent += bytes.length;
    lane.unacked.push({ offset, bytes });
    this.#send(stream, offset, bytes);
  }

  #send(stream: Stream, offset: number, bytes: Buffer): void {
    const { leaseId, fence, send } = this.#options;
    send(encodeOutput({ leaseId, fence, stream, offset, bytes }));
  }
}
