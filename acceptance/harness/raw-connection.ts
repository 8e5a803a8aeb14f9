import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './until.ts';

type Upload = { headers: Record<string, string>; bytes: number; isAnnounced: boolean };

/** A TCP connection that speaks HTTP by hand: for clients that no library would be. */
export class RawConnection implements AsyncDisposable {
  readonly #socket: Socket;
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
    });
    // The other side hangs up on such clients; that is what the tests look for.
    socket.on('error', () => {});
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** Sends a body of zeros for as long as it is taken, and gives the answer with how much was sent until it came. */
  async upload(
    path: string,
    { headers, bytes, isAnnounced }: Upload,
  ): Promise<{ status: number; body: string; detail: string; sent: number }> {
    const length = isAnnounced ? `content-length: ${bytes}` : 'transfer-encoding: chunked';
    this.#head('POST', path, { ...headers, [length.split(': ')[0] ?? '']: length.split(': ')[1] ?? '' });
    const piece = Buffer.alloc(64 * 1024, '0');
    const framed = isAnnounced
      ? piece
      : Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
    let sent = 0;
    while (sent < bytes && !this.#isDone) {
      sent += piece.length;
      this.#socket.write(framed);
      await until('more is taken, or an answer comes', () => this.#isDone || !this.#socket.writableNeedDrain);
    }
    const answer = await until('an answer', () => /^HTTP\/1\.1 (\d+).*?\r\n\r\n(.*\})/s.exec(this.#received));
    const body = answer[2] ?? '';
    return { status: Number(answer[1]), body, detail: String(JSON.parse(body).detail), sent };
  }

  /** Becomes a WebSocket, as far as the server can see. */
  async upgrade(path: string, headers: Record<string, string>): Promise<void> {
    this.#head('GET', path, {
      ...headers,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    });
    await until('the upgrade', () => this.#received.startsWith('HTTP/1.1 101'));
  }

  /** Reads nothing from now on. */
  pause(): void {
    this.#socket.pause();
  }

  /** Waits until the server has ended the connection: a write is then refused. */
  async isCut(withinMs: number): Promise<void> {
    await until(
      'the server hangs up',
      () => {
        // A masked, empty ping: a living WebSocket takes it.
        this.#socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
        return this.#socket.destroyed || this.#socket.errored !== null;
      },
      withinMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }

  #head(method: string, path: string, headers: Record<string, string>): void {
    const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  }

  get #isDone(): boolean {
    return this.#received !== '' || this.#socket.destroyed;
  }
}
