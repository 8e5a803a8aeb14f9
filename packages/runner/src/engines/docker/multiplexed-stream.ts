/** One piece of a container's output. */
export type OutputPiece = { stream: 'stdout' | 'stderr'; bytes: Buffer };

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Splits the one connection that carries both outputs of a container: each frame has a header with the stream's number
 * and a length. Large frames are passed on as they come. Reads no further than its consumer does.
 */
export async function* demultiplex(source: AsyncIterable<Buffer>): AsyncGenerator<OutputPiece> {
  const frames = new FrameSplitter();
  for await (const chunk of source) yield* frames.split(chunk);
}

class FrameSplitter {
  #held: Buffer = Buffer.alloc(0);
  #stream: OutputPiece['stream'] = 'stdout';
  #left = 0;

  *split(chunk: Buffer): Generator<OutputPiece> {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (this.#held.length > 0 && (this.#left > 0 || this.#readHeader())) {
      const bytes = this.#held.subarray(0, this.#left);
      this.#left -= bytes.length;
      this.#held = this.#held.subarray(bytes.length);
      if (bytes.length > 0) yield { stream: this.#stream, bytes };
    }
  }

  /** False while the header has not arrived whole. */
  #readHeader(): boolean {
    if (this.#held.length < HEADER_BYTES) return false;
    this.#stream = this.#held[0] === STDERR ? 'stderr' : 'stdout';
    this.#left = this.#held.readUInt32BE(4);
    this.#held = this.#held.subarray(HEADER_BYTES);
    return true;
  }
}
