import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

/** What the container engine tells of a container once a second, for those that have a kernel of their own. */
export class OutsideFigures {
  readonly #stream: Readable;
  #cpuMs: number | null = null;

  private constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('error', () => undefined);
    const lines = createInterface({ input: stream });
    lines.on('error', () => undefined);
    lines.on('line', (line) => this.#hear(line));
  }

  static async follow(container: Docker.Container): Promise<OutsideFigures> {
    return new OutsideFigures((await container.stats({ stream: true })) as unknown as Readable);
  }

  get cpuMs(): number | null {
    return this.#cpuMs;
  }

  stop(): void {
    this.#stream.destroy();
  }

  #hear(line: string): void {
    const figures = JSON.parse(line) as { cpu_stats?: { cpu_usage?: { total_usage?: number } } };
    const nanoseconds = figures.cpu_stats?.cpu_usage?.total_usage;
    if (nanoseconds !== undefined) this.#cpuMs = nanoseconds / 1e6;
  }
}
