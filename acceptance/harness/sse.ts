import { until } from './until.ts';

export type Frame = { id: string; event: string; data: unknown };

/** A reader of server-sent events that keeps every frame as it came, those without data too. */
export class Sse implements Disposable {
  readonly frames: Frame[] = [];
  readonly status: number;
  readonly headers: Headers;
  readonly ended: Promise<void>;
  readonly #response: Response;
  readonly #gone: AbortController;

  private constructor(response: Response, gone: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#gone = gone;
    this.#response = response;
    this.ended = response.ok && response.body ? this.#read(response.body) : Promise.resolve();
  }

  static async open(url: string, headers: Record<string, string>): Promise<Sse> {
    const gone = new AbortController();
    return new Sse(await fetch(url, { headers, signal: gone.signal }), gone);
  }

  /** What came instead of a stream. */
  refusal(): Promise<unknown> {
    return this.#response.json();
  }

  /** Waits for a frame, among those that have come and those to come. */
  frame(what: string, isIt: (frame: Frame) => boolean): Promise<Frame> {
    return until(what, () => this.frames.find(isIt) ?? null, 15_000);
  }

  [Symbol.dispose](): void {
    this.#gone.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let rest = '';
    try {
      for await (const text of body.pipeThrough(new TextDecoderStream() as unknown as TransformStream)) {
        const parts = (rest + text).split('\n\n');
        rest = parts.pop() ?? '';
        this.frames.push(...parts.filter((part) => !part.startsWith(':')).map(frameOf));
      }
    } catch (error) {
      if (!this.#gone.signal.aborted) throw error;
    }
  }
}

function frameOf(part: string): Frame {
  const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s, 2)));
  const { id = '', event = '', data } = fields as Record<string, string>;
  return { id, event, data: data === undefined ? undefined : JSON.parse(data) };
}
