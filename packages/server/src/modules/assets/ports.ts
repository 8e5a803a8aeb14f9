import type { Readable } from 'node:stream';

/** A content-addressed store. */
export type Blobs = {
  /** Stores bytes durably; the same bytes twice cost nothing. */
  put(bytes: Buffer): Promise<{ digest: string; sizeBytes: number }>;
  /** Opens content for reading; null when it is not there. */
  open(digest: string): Promise<Readable | null>;
  /** Digests of content that was last stored so long ago, a folder at a time. */
  listIdle(idleMs: number): AsyncIterable<string[]>;
  /** Removes content, unless it has been stored again within that time; says whether it did. */
  removeIdle(digest: string, idleMs: number): Promise<boolean>;
};
