import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  decodeOutput,
  type Hello,
  type PlaneMessage,
  RUNNER_PATH,
  RUNNER_PROTOCOL,
  RunnerMessage,
  type RunResult,
} from '@assay/contract/runner';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { RunnerId } from '../../kernel/ids.ts';
import type { Sensitive } from '../../kernel/sensitive.ts';
import type { RunnerHub, RunnerLink, RunnerSession, RunReport } from '../../modules/runners/index.ts';
import type { Log } from '../../platform/log.ts';
import { targetOf } from '../http/request-target.ts';

export { RUNNER_PATH };

export type RunnersSurface = { hub: RunnerHub; token: Sensitive<string>; leaseMs: number; log: Log };

const HEARTBEAT_MS = 3_000;
const MISSED_HEARTBEATS = 3;
/** A result may carry files: 64 MiB of them, as base64, and its frame around them. */
const MAX_FRAME_BYTES = 96 << 20;

/** The plane's end of the runner protocol (contract, `runner/protocol.ts`): takes runners that dial in. */
export class RunnerEndpoint implements AsyncDisposable {
  readonly #options: RunnersSurface;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });

  constructor(options: RunnersSurface) {
    this.#options = options;
  }

  /** Takes upgrade requests for the runner path on an HTTP server, over TCP or a Unix socket. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (targetOf(request)?.pathname !== RUNNER_PATH) return;
      socket.on('error', () => socket.destroy());
      if (!this.#isRunner(request)) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      this.#server.handleUpgrade(request, socket, head, (client) => this.#converse(client));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.close(1001, 'stopping');
    this.#server.close();
  }

  #isRunner(request: IncomingMessage): boolean {
    const given = Buffer.from(request.headers.authorization ?? '');
    const wanted = Buffer.from(`Bearer ${this.#options.token.reveal()}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  /** Handles messages one after the other: what comes while a hello is being taken in waits for it. */
  #converse(client: WebSocket): void {
    let session: RunnerSession | null = null;
    let work: Promise<void> = Promise.resolve();
    const stopBeating = beat(client);
    client.on('message', (data, isBinary) => {
      work = work.then(async () => {
        try {
          session = await this.#take(client, session, data as Buffer, isBinary);
        } catch (error) {
          this.#options.log.warn({ err: error }, 'a runner sent what it should not; its connection is closed');
          client.close(1008, 'protocol error');
        }
      });
    });
    client.on('error', () => client.terminate());
    client.on('close', () => {
      stopBeating();
      void work.then(() => session?.closed());
    });
  }

  async #take(
    client: WebSocket,
    session: RunnerSession | null,
    data: Buffer,
    isBinary: boolean,
  ): Promise<RunnerSession | null> {
    if (isBinary) {
      const { leaseId, fence, stream, offset, bytes } = decodeOutput(data);
      session?.output({ leaseId, fence }, { stream, offset, bytes: Buffer.from(bytes) });
      return session;
    }
    const message = RunnerMessage.parse(JSON.parse(data.toString('utf8')));
    if (message.type === 'hello') return this.#hello(client, message);
    const name = { leaseId: message.lease_id, fence: message.fence };
    if (message.type === 'started') session?.started(name);
    else if (message.type === 'rejected') session?.rejected(name, message.message);
    else session?.result(name, reportOf(message));
    return session;
  }

  async #hello(client: WebSocket, hello: Hello): Promise<RunnerSession> {
    if (hello.protocol !== RUNNER_PROTOCOL) {
      throw new Error(
        `Runner ${hello.name} speaks protocol ${hello.protocol}; this server speaks ${RUNNER_PROTOCOL}. Use the same release.`,
      );
    }
    const link = linkTo(client);
    say(client, { type: 'welcome', heartbeat_ms: HEARTBEAT_MS, lease_ms: this.#options.leaseMs });
    const held = hello.held.map(({ lease_id, fence }) => ({ leaseId: lease_id, fence }));
    const { name, version, slots, engines, refused, languages } = hello;
    return this.#options.hub.attach(
      hello.runner_id as RunnerId,
      { name, version, slots, engines, refused, languages },
      held,
      link,
    );
  }
}

function linkTo(client: WebSocket): RunnerLink {
  return {
    lease: ({ leaseId, fence }, spec) => say(client, { type: 'lease', lease_id: leaseId, fence, spec }),
    cancel: ({ leaseId, fence }, report) => say(client, { type: 'cancel', lease_id: leaseId, fence, report }),
    ackOutput: ({ leaseId, fence }, { stdout, stderr }) =>
      say(client, { type: 'output_ack', lease_id: leaseId, fence, stdout, stderr }),
    ackResult: ({ leaseId, fence }) => say(client, { type: 'result_ack', lease_id: leaseId, fence }),
    close: () => client.close(1000, 'replaced'),
  };
}

function say(client: WebSocket, message: PlaneMessage): void {
  if (client.readyState === client.OPEN) client.send(JSON.stringify(message));
}

/** Pings, and ends a connection from which nothing is heard. */
function beat(client: WebSocket): () => void {
  let missed = 0;
  const heard = (_data?: RawData): void => {
    missed = 0;
  };
  client.on('pong', () => heard());
  client.on('message', heard);
  const timer = setInterval(() => {
    missed += 1;
    if (missed > MISSED_HEARTBEATS) client.terminate();
    else client.ping();
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}

const reportOf = (result: RunResult): RunReport => ({
  reason: result.reason,
  message: result.message,
  exitCode: result.exit_code,
  signal: result.signal,
  stdoutTail: Buffer.from(result.stdout_tail, 'base64'),
  stderrTail: Buffer.from(result.stderr_tail, 'base64'),
  stdoutBytes: result.stdout_bytes,
  stderrBytes: result.stderr_bytes,
  outputTruncated: result.output_truncated,
  runtimeMs: result.runtime_ms,
  compileMs: result.compile_ms,
  cpuMs: result.cpu_ms,
  memoryPeakMb: result.memory_peak_mb,
  files: result.files.map(({ path, content }) => ({ path, content: Buffer.from(content, 'base64') })),
  filesSkipped: result.files_skipped,
  receipt: result.receipt,
});
