import { once } from 'node:events';
import { until } from './until.ts';

/** A WebSocket client that keeps every message. */
export class Socket<Message> implements Disposable {
  readonly #socket: WebSocket;
  readonly messages: Message[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(url: string, headers: Record<string, string>, protocols: string[]) {
    this.#socket = new WebSocket(url, { headers, protocols });
    this.#socket.addEventListener('message', ({ data }) => this.messages.push(JSON.parse(String(data))));
    this.closed = new Promise((resolve) => {
      this.#socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
    });
  }

  /** @throws Error when the server refuses the connection */
  static async open<Message>(
    base: string,
    path: string,
    headers: Record<string, string> = {},
    protocols: string[] = [],
  ): Promise<Socket<Message>> {
    const socket = new Socket<Message>(`${base.replace(/^http/, 'ws')}${path}`, headers, protocols);
    await Promise.race([
      once(socket.#socket, 'open'),
      socket.closed.then(() => Promise.reject(new Error(`The server refused a WebSocket at ${path}.`))),
    ]);
    return socket;
  }

  /** The subprotocol that the server chose; empty when it chose none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  send(message: string | object): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#socket.send(bytes);
  }

  /** Waits for a message, among those that have come and those to come. */
  message(what: string, isIt: (message: Message) => boolean, withinMs = 15_000): Promise<NonNullable<Message>> {
    return until(what, () => this.messages.find(isIt) as NonNullable<Message>, withinMs);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
