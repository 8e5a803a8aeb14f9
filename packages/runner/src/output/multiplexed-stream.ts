/** One piece of what came over one channel. */
export type ChannelPiece = { channel: number; bytes: Buffer };

const HEADER_BYTES = 8;

/**
 * Splits a connection that carries several channels, such as both outputs of a container: each frame has a header with
 * the channel's number, three zero bytes and a length. Large frames are passed on as they come. Reads no further than
 * its consumer does.
 */
export async function* demultiplex(source: AsyncIterable<Buffer>): AsyncGenerator<ChannelPiece> {
  const frames = new FrameSplitter();
  for await (const chunk of source) yield* frames.split(chunk);
}

class FrameSplitter {
  #held: Buffer = Buffer.alloc(0);
  #channel = 0;
  #left = 0;

  *split(chunk: Buffer): Generator<ChannelPiece> {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (this.#held.length > 0 && (this.#left > 0 || this.#readHeader())) {
      const bytes = this.#held.subarray(0, this.#left);
      this.#left -= bytes.length;
      this.#held = this.#held.subarray(bytes.length);
      if (bytes.length > 0) yield { channel: this.#channel, bytes };
    }
  }

  /** False while the header has not arrived whole. */
  #readHeader(): boolean {
    if (this.#held.length < HEADER_BYTES) return false;
    this.#channel = this.#held[0] ?? 0;
    this.#left = this.#held.readUInt32BE(4);
    this.#held = this.#held.subarray(HEADER_BYTES);
    return true;
  }
}
