/** Followers of an event stream, in a process of their own: they note when each event came, what was lost and what came twice. */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serveParent } from '../product/child-program.ts';

export type FollowQuestion =
  | { ask: 'follow'; url: string; headers: Record<string, string>; followers: number }
  /** Everyone is cut once and resumes, spread over some time. */
  | { ask: 'reconnect'; overMs: number }
  | { ask: 'await'; events: number };
export type Followed = {
  /** Arrivals by how late they were, in milliseconds: the index is the lateness. */
  late: number[];
  received: number;
  lost: number;
  doubled: number;
  reconnects: number;
};

const EVENT = /id: (\S+)\n[^\n]*\ndata: [^\n]*"n":(\d+),"at":([\d.]+)/g;
const MOST_MS = 20_000;
const AT_ONCE = 50;

const late = new Array<number>(MOST_MS).fill(0);
let [received, lost, doubled, reconnects] = [0, 0, 0, 0];

class Follower {
  #socket: Socket | null = null;
  #rest = '';
  #last = 0;
  #lastId: string | null = null;
  readonly #to: URL;
  readonly #headers: Record<string, string>;

  constructor(to: URL, headers: Record<string, string>) {
    this.#to = to;
    this.#headers = headers;
  }

  get last(): number {
    return this.#last;
  }

  open(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const resume = this.#lastId === null ? {} : { 'last-event-id': this.#lastId };
    const headers = { host: this.#to.host, accept: 'text/event-stream', ...this.#headers, ...resume };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect({ host: this.#to.hostname, port: Number(this.#to.port) });
    socket.setEncoding('latin1').write(`GET ${this.#to.pathname}${this.#to.search} HTTP/1.1\r\n${lines.join('')}\r\n`);
    this.#rest = '';
    this.#socket = socket;
    socket.on('data', (text: string) => {
      if (this.#socket !== socket) return;
      this.#take(text);
      resolve();
    });
    socket.on('error', reject);
    return promise;
  }

  async reconnect(): Promise<void> {
    this.#socket?.destroy();
    reconnects += 1;
    await this.open();
  }

  #take(text: string): void {
    const now = performance.timeOrigin + performance.now();
    const all = this.#rest + text;
    const end = all.lastIndexOf('\n\n') + 2;
    if (end === 1) {
      this.#rest = all;
      return;
    }
    this.#rest = all.slice(end);
    for (const [, id = '', number, at] of all.slice(0, end).matchAll(EVENT)) {
      const n = Number(number);
      received += 1;
      if (n <= this.#last) doubled += 1;
      else lost += n - this.#last - 1;
      this.#last = Math.max(this.#last, n);
      this.#lastId = id;
      const bucket = Math.min(MOST_MS - 1, Math.max(0, Math.round(now - Number(at))));
      late[bucket] = (late[bucket] ?? 0) + 1;
    }
  }
}

const followers: Follower[] = [];

async function answer(question: unknown): Promise<unknown> {
  const asked = question as FollowQuestion;
  if (asked.ask === 'follow') {
    while (followers.length < asked.followers) {
      const some = Array.from({ length: AT_ONCE }, () => new Follower(new URL(asked.url), asked.headers));
      await Promise.all(some.map((follower) => follower.open()));
      followers.push(...some);
    }
    return followers.length;
  }
  if (asked.ask === 'reconnect') {
    for (const follower of followers) {
      await delay(asked.overMs / followers.length);
      await follower.reconnect();
    }
    return reconnects;
  }
  const deadline = performance.now() + 30_000;
  while (followers.some(({ last }) => last < asked.events) && performance.now() < deadline) await delay(50);
  for (const { last } of followers) lost += Math.max(0, asked.events - last);
  return { late, received, lost, doubled, reconnects } satisfies Followed;
}

serveParent(null, answer);
