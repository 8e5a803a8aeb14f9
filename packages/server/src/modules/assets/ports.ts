import type { Readable } from 'node:stream';
import type { Range } from './model.ts';

/** A store of bytes under names that its user makes. A name is written once. */
export type Objects = {
  /** Stores bytes durably, no faster than they can be written. When it fails, nothing is left. */
  write(name: string, bytes: AsyncIterable<Buffer>): Promise<void>;
  /** Opens an object, or a part of it, for reading; null when it is not there. */
  read(name: string, range: Range): Promise<Readable | null>;
  /** Removes an object, and what a writer that died has left under its name. It need not be there. */
  remove(name: string): Promise<void>;
  /** @throws Error when nothing can be stored there now */
  check(): Promise<void>;
};
