import { setTimeout as delay } from 'node:timers/promises';

/** Where Node listens for a debugger once it was asked to by SIGUSR1. */
const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const OPENS_WITHIN_MS = 10_000;
const LOOK_MS = 100;

/** The heap of another Node process as it is behind a full collection: V8 collects late where there is room. */
export class Heap implements Disposable {
  readonly #socket: WebSocket;
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** @throws Error when another process has the debugger's port */
  static async of(pid: number): Promise<Heap> {
    process.kill(pid, 'SIGUSR1');
    const socket = new WebSocket(await addressOf(performance.now() + OPENS_WITHIN_MS));
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    const heap = new Heap(socket);
    if ((await heap.#evaluated('process.pid')) === pid) return heap;
    socket.close();
    throw new Error("Another process has the debugger's port, 9229.");
  }

  /** Bytes that are in use. */
  async live(): Promise<number> {
    await this.#ask('HeapProfiler.collectGarbage', {});
    return this.#evaluated('process.memoryUsage().heapUsed');
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  async #evaluated(expression: string): Promise<number> {
    const { result } = (await this.#ask('Runtime.evaluate', { expression })) as { result: { value: number } };
    return result.value;
  }

  #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      const listen = ({ data }: MessageEvent): void => {
        const answer = JSON.parse(String(data)) as { id?: number; result?: unknown };
        if (answer.id !== id) return;
        this.#socket.removeEventListener('message', listen);
        resolve(answer.result);
      };
      this.#socket.addEventListener('message', listen);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

async function addressOf(until: number): Promise<string> {
  for (;;) {
    try {
      const [found] = (await (await fetch(INSPECTOR)).json()) as { webSocketDebuggerUrl: string }[];
      if (found) return found.webSocketDebuggerUrl;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await delay(LOOK_MS);
  }
}
