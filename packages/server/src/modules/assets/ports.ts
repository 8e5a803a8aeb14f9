import type { Readable } from 'node:stream';

/** A content-addressed store. */
export type Blobs = {
  /** Stores bytes durably; the same bytes twice cost nothing. */
  put(bytes: Buffer): Promise<{ digest: string; sizeBytes: number }>;
  /** Opens content for reading; null when it is not there. */
  open(digest: string): Promise<Readable | null>;
};
