import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { Connection } from './connection.ts';
import { socketPath } from './connection.ts';
import { scramExchange } from './scram.ts';
import { int32, type Message, message, readMessages, ServerError, startupPacket } from './wire.ts';

/** `signal` ends the connection when it is aborted, at whatever point. */
export type SessionOptions = { replication?: boolean; signal?: AbortSignal };

/**
 * One connection without the driver, for what the driver can't do: to tell the moment the server takes connections
 * (the driver's pool belongs to `platform/db`), and to stream a base backup, which needs the replication protocol.
 */
export class Session implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #messages: AsyncGenerator<Message>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Whoever reads gets the error; without a listener one that comes between two reads would end the process.
    this.#socket.on('error', () => {});
    this.#messages = readMessages(socket);
  }

  /**
   * Connects and waits until the server says it is ready for a query.
   * @throws ServerError with the server's SQLSTATE, or the socket's error
   */
  static async open(connection: Connection, options: SessionOptions = {}): Promise<Session> {
    const { signal } = options;
    const socket = createConnection({ path: socketPath(connection.host, connection.port), ...(signal && { signal }) });
    const session = new Session(socket);
    try {
      await once(socket, 'connect');
      socket.write(
        startupPacket({
          user: connection.user,
          database: connection.database,
          application_name: 'assay',
          ...(options.replication ? { replication: 'true' } : {}),
        }),
      );
      await session.#authenticate(connection.password);
      await session.#finish();
      return session;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Runs one command for its effect. */
  async run(command: string): Promise<void> {
    this.#socket.write(message('Q', command, '\0'));
    await this.#finish();
  }

  /** Runs one command that answers with a copy stream and yields its parts. An error may come after the last part. */
  async *copyOut(command: string): AsyncGenerator<Buffer> {
    this.#socket.write(message('Q', command, '\0'));
    let failure: ServerError | undefined;
    for (;;) {
      const { type, body } = await this.#next();
      if (type === 'd') yield body;
      if (type === 'E') failure = new ServerError(body);
      if (type === 'Z') break;
    }
    if (failure) throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.write(message('X'));
    this.#socket.destroySoon();
    await closed;
  }

  async #next(): Promise<Message> {
    const next = await this.#messages.next();
    if (next.done) throw new Error('The database closed the connection.');
    return next.value;
  }

  async #finish(): Promise<void> {
    let failure: ServerError | undefined;
    for (;;) {
      const { type, body } = await this.#next();
      // A fatal error ends the connection without another word.
      if (type === 'E' && body.includes('SFATAL\0')) throw new ServerError(body);
      if (type === 'E') failure = new ServerError(body);
      if (type === 'Z') break;
    }
    if (failure) throw failure;
  }

  async #authenticate(password: string): Promise<void> {
    const exchange = scramExchange(password);
    await this.#challenge(10);
    this.#socket.write(message('p', 'SCRAM-SHA-256\0', int32(exchange.first.length), exchange.first));
    this.#socket.write(message('p', exchange.answer(await this.#challenge(11))));
    exchange.verify(await this.#challenge(12));
    await this.#challenge(0);
  }

  /** The next authentication message. Any kind but the expected one would be a weaker method: it is refused. */
  async #challenge(expected: number): Promise<string> {
    const { type, body } = await this.#next();
    if (type === 'E') throw new ServerError(body);
    if (type !== 'R' || body.readInt32BE(0) !== expected) {
      throw new Error('The database asks for another authentication method than SCRAM-SHA-256.');
    }
    return body.subarray(4).toString();
  }
}
