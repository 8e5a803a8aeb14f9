import { setTimeout as delay } from 'node:timers/promises';
import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js';
import type { Log } from '../../platform/log.ts';
import { boundedArrival } from './arrival.ts';
import { MAX_MESSAGE_BYTES } from './wire.ts';

/** Certificate and key of the listener, PEM. */
export type Tls = { cert: Buffer; key: Buffer };
export type GrpcAppOptions = {
  tls: Tls | null;
  /** For how long a stop waits for calls that are under way. */
  stopMs: number;
  log: Log;
};

/** A client that is gone without a word is noticed within a minute and a half. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** A connection without a call is closed; clients open another when they need one. */
const IDLE_MS = 15 * 60_000;
/** Calls at once on one connection; a client that has more waits, or opens another. */
const MAX_STREAMS = 250;
/** For how long a call may go on sending its request: a few megabytes over a poor line. */
const ARRIVAL_MS = 30_000;
/** What a connection may make us hold, megabytes: a few whole messages. */
const SESSION_MEMORY_MB = 64;
/** For what a cut connection still sets off. */
const LAST_WORDS_MS = 100;

/** The gRPC listener: HTTP/2 on a port of its own, since gRPC needs trailers. */
export class GrpcApp implements AsyncDisposable {
  readonly server: Server;
  readonly #options: GrpcAppOptions;
  /** Ends the streams that are open. */
  onStop: () => Promise<void> = async () => {};

  constructor(options: GrpcAppOptions) {
    this.#options = options;
    setLogger(asConsole(options.log));
    this.server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.max_connection_idle_ms': IDLE_MS,
      'grpc.max_concurrent_streams': MAX_STREAMS,
      'grpc-node.max_session_memory': SESSION_MEMORY_MB,
      interceptors: [boundedArrival(ARRIVAL_MS)],
    });
  }

  /** Listens, and gives the port. */
  listen(host: string, port: number): Promise<number> {
    const { tls } = this.#options;
    const credentials =
      tls === null
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`${host.includes(':') ? `[${host}]` : host}:${port}`, credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
  }

  /** Takes no new call, ends streams (they resume elsewhere), waits for the other calls, and cuts what is left then. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    await this.onStop();
    await atMost(this.#options.stopMs, closed);
    // NOTE: this forgets the connections when channelz is switched off (grpc-js 1.14).
    this.server.forceShutdown();
    await atMost(LAST_WORDS_MS, closed);
  }
}

/** Waits for something, but no longer than this; no timer is left behind that would keep the process. */
async function atMost(ms: number, done: Promise<void>): Promise<void> {
  const over = new AbortController();
  await Promise.race([done, delay(ms, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
}

/** The library complains to a console: of broken connections mostly, which are the callers' business. */
function asConsole(log: Log): Partial<Console> {
  const debug = (...said: unknown[]): void => log.debug({ said: said.map(String).join(' ') }, 'gRPC library');
  return { error: debug, info: debug, debug };
}
