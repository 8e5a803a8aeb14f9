import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { drain, readingPipe } from '../../output/output-meter.ts';
import type { BoxKind, BoxShape } from './box-plan.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_DIRECTORY } = constants;

/** A box starts in about 20 ms; on a machine so busy that it takes this long, nothing else would work either. */
const START_WITHIN_MS = 10_000;
/** Bubblewrap's last report and the closing of the pipes reach us by different ways, microseconds apart. */
const LAST_REPORT_WITHIN_MS = 500;
const LOOK_EVERY_MS = 25;
const DIAGNOSTICS_BYTES = 2000;

/** Receives one piece of a program's output; resolves when it can take more. */
export type OutputTaker = (stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>;

/** A box that did not come up, or was gone before its run began. */
export class BoxFault extends Error {}

/** One sandbox from its start to its end. It runs one program, once. */
export class Box {
  readonly kind: BoxKind;
  readonly shape: BoxShape;
  /** Resolves when the loader waits for its parcel; rejects with the reason when the box did not come up. */
  readonly ready: Promise<void>;
  /** Resolves when the program and all it started have let go of their output. Null: it did not exit by itself. */
  readonly ended: Promise<number | null>;
  readonly #directory: string;
  readonly #abandon: () => void;
  readonly #output: readonly [Socket, Socket];
  readonly #started = Promise.withResolvers<void>();
  readonly #programEnd = Promise.withResolvers<number | null>();
  readonly #boxEnd = Promise.withResolvers<void>();
  #diagnostics = '';
  #take: OutputTaker = (_, bytes) => this.#diagnose(bytes);
  #init: number | undefined;
  #exited = false;

  /** `directory` is the berth's; `abandon` ends a box that has not yet told the id of its first process. */
  constructor(options: { kind: BoxKind; shape: BoxShape; directory: string; abandon: () => void }) {
    this.kind = options.kind;
    this.shape = options.shape;
    this.#directory = options.directory;
    this.#abandon = options.abandon;
    this.ready = this.#started.promise;
    // Whoever waits sees the rejection; a box that fails while nobody waits yet is found when it is taken.
    this.ready.catch(() => undefined);
    const open = (name: string) => readingPipe(openSync(`${this.#directory}/${name}`, O_RDONLY | O_NONBLOCK));
    this.#output = [open('out'), open('err')];
    this.ended = this.#follow();
    const late = setTimeout(() => this.#fail('It did not start in time.'), START_WITHIN_MS);
    late.unref();
    void this.ready.catch(() => undefined).then(() => clearTimeout(late));
  }

  get exited(): boolean {
    return this.#exited;
  }

  /** Host id of the box's first process, once the box is ready. */
  get initPid(): number {
    if (this.#init === undefined) throw new BoxFault('It has not started.');
    return this.#init;
  }

  /** Takes what the porter, bubblewrap, the loader and the nursery report, line by line. */
  report(line: string): void {
    if (line === 'ready') this.#started.resolve();
    if (line === 'refused') this.#fail('The limits of this process do not allow those of the run.');
    if (line === 'porter gone') this.#lostPorter();
    if (line.startsWith('failed ')) this.#fail(line.slice('failed '.length));
    const child = /"child-pid": (\d+)/.exec(line)?.[1];
    if (child !== undefined) this.#init = Number.parseInt(child, 10);
    const [, from, code] = /("exit-code":|^ended) (\d+)/.exec(line) ?? [];
    if (code === undefined) return;
    this.#programEnd.resolve(Number.parseInt(code, 10));
    // An interpreter that joined the box leaves the box behind, with whatever it started.
    if (from === 'ended') this.kill();
    else this.#endOfBox();
  }

  /** Bubblewrap's report is the last of this box: what the porter tells next is about another one. */
  #endOfBox(): void {
    this.#exited = true;
    this.#boxEnd.resolve();
  }

  /** Opens the working directory as the box sees it. It can be read through this even when the box is gone. */
  openWork(): number {
    return openInBox(`/proc/${this.initPid}/root/work`, O_RDONLY | O_DIRECTORY);
  }

  /** Hands over the run. From here on what comes out is the program's. */
  handOver(parcel: Buffer, stdin: string, take: OutputTaker): void {
    this.#take = take;
    if (stdin !== '') writeFileSync(`${this.#directory}/in`, stdin);
    const pipe = openInBox(`${this.#directory}/parcel`, O_WRONLY | O_NONBLOCK);
    const written = writeSome(pipe, parcel);
    if (written === parcel.length) closeSync(pipe);
    else sendRest(pipe, parcel.subarray(written));
  }

  /** Ends every process in the box: the kernel kills a process namespace with its first process. */
  kill(): void {
    if (this.#exited) return;
    if (this.#init === undefined) this.#abandon();
    else killQuietly(this.#init);
  }

  async #follow(): Promise<number | null> {
    const [out, err] = this.#output;
    await Promise.all([
      drain(out, (bytes) => this.#take('stdout', bytes)),
      drain(err, (bytes) => this.#take('stderr', bytes)),
    ]);
    await settledWithin(this.#boxEnd.promise, LAST_REPORT_WITHIN_MS);
    this.#programEnd.resolve(null);
    this.#exited = true;
    this.#started.reject(new BoxFault(this.#diagnostics.trim() || 'It ended before it was ready.'));
    return this.#programEnd.promise;
  }

  async #diagnose(bytes: Buffer): Promise<void> {
    if (this.#diagnostics.length < DIAGNOSTICS_BYTES) this.#diagnostics += bytes.toString('utf8');
  }

  /** All that the porter started goes with it. If it had not come as far as opening the pipes, nothing else ends them. */
  #lostPorter(): void {
    this.#started.reject(new BoxFault('The shell that starts boxes has ended.'));
    this.#programEnd.resolve(null);
    this.#endOfBox();
    for (const pipe of this.#output) pipe.destroy();
  }

  #fail(reason: string): void {
    this.#started.reject(new BoxFault(reason));
    this.#abandon();
  }
}

/** Waits in steps: after a stall of this process, what has arrived meanwhile is read before the time counts as over. */
async function settledWithin(promise: Promise<void>, ms: number): Promise<void> {
  let settled = false;
  const seen = promise.then(() => {
    settled = true;
  });
  for (let waited = 0; !settled && waited < ms; waited += LOOK_EVERY_MS) {
    await Promise.race([seen, delay(LOOK_EVERY_MS, undefined, { ref: false })]);
  }
}

/** Fails when the box's processes are gone: then there is no such process, or nobody reads the pipe. */
function openInBox(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw new BoxFault('It ended before its run began.', { cause: error });
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in this moment.
  }
}

/** A parcel fits the pipe's 64 KiB most of the time; then nothing has to wait. */
function writeSome(pipe: number, bytes: Buffer): number {
  try {
    return writeSync(pipe, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}

function sendRest(pipe: number, bytes: Buffer): void {
  const socket = new Socket({ fd: pipe, readable: false, writable: true });
  // The box died while it unpacked; its end is reported elsewhere.
  socket.on('error', () => undefined);
  socket.end(bytes);
}
