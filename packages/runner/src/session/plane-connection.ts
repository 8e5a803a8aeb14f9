import { PlaneMessage, RUNNER_PATH, type RunnerMessage } from '@assay/contract/runner';
import { WebSocket } from 'ws';

export type PlaneConnectionOptions = {
  /** `unix:/path/to.sock`, or the control plane's `http(s)://` address. */
  connect: string;
  token: string;
  /** Says hello: called on each connection, before anything else is sent. */
  hello(): RunnerMessage;
  onMessage(message: PlaneMessage): void;
  onLost(): void;
  log: { info(fields: object, text: string): void; warn(fields: object, text: string): void };
};

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/** Until the plane says how often it beats. */
const FIRST_HEARTBEAT_MS = 5_000;
const MISSED_HEARTBEATS = 3;
/** The largest message of the plane: a program and its files, as JSON. */
const MAX_FRAME_BYTES = 32 << 20;

/** The one connection to the control plane. It dials, and dials again, until it is closed. */
export class PlaneConnection {
  readonly #options: PlaneConnectionOptions;
  #socket: WebSocket | null = null;
  #isWelcome = false;
  #waitMs = FIRST_WAIT_MS;
  #retry: NodeJS.Timeout | null = null;
  #silence: NodeJS.Timeout | null = null;
  #heartbeatMs = FIRST_HEARTBEAT_MS;
  #isClosed = false;

  constructor(options: PlaneConnectionOptions) {
    this.#options = options;
  }

  dial(): void {
    this.#retry = null;
    const socket = new WebSocket(addressOf(this.#options.connect), {
      headers: { authorization: `Bearer ${this.#options.token}` },
      handshakeTimeout: 5_000,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('open', () => {
      this.#heard();
      socket.send(JSON.stringify(this.#options.hello()));
    });
    socket.on('ping', () => this.#heard());
    socket.on('message', (data) => this.#take(socket, data as Buffer));
    socket.on('error', (error) =>
      this.#options.log.warn({ error: error.message }, 'the control plane cannot be reached'),
    );
    socket.on('close', () => this.#lost(socket));
  }

  /** Sends when connected; false when not. What must arrive is sent again by its owner after the next hello. */
  send(message: RunnerMessage | Buffer): boolean {
    const socket = this.#socket;
    if (!this.#isWelcome || socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(Buffer.isBuffer(message) ? message : JSON.stringify(message));
    return true;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#silence) clearTimeout(this.#silence);
    this.#socket?.close(1000);
  }

  #take(socket: WebSocket, data: Buffer): void {
    this.#heard();
    try {
      const message = PlaneMessage.parse(JSON.parse(data.toString('utf8')));
      if (message.type === 'welcome') {
        this.#heartbeatMs = message.heartbeat_ms;
        this.#waitMs = FIRST_WAIT_MS;
        this.#isWelcome = true;
      }
      this.#options.onMessage(message);
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'the control plane sent what is not in the protocol');
      socket.close(1008);
    }
  }

  #heard(): void {
    if (this.#silence) clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.terminate(), this.#heartbeatMs * MISSED_HEARTBEATS);
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    if (this.#silence) clearTimeout(this.#silence);
    const wasWelcome = this.#isWelcome;
    this.#isWelcome = false;
    this.#socket = null;
    if (wasWelcome) this.#options.onLost();
    if (this.#isClosed) return;
    // Jitter keeps a fleet from dialling in step after a restart of the plane.
    this.#retry = setTimeout(() => this.dial(), this.#waitMs * (0.5 + Math.random()));
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** @throws Error when the address is neither a socket nor a URL of HTTP */
function addressOf(connect: string): string {
  if (connect.startsWith('unix:')) return `ws+unix:${connect.slice('unix:'.length)}:${RUNNER_PATH}`;
  const url = new URL(connect);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`--connect must be unix:/path or an http(s) address; it is "${connect}".`);
  }
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.pathname = url.pathname.replace(/\/$/, '') + RUNNER_PATH;
  return url.href;
}
