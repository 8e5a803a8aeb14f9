import { statement, type Tx } from '../../platform/db/index.ts';
import type { Blobs } from './ports.ts';

const referred = statement<{ digest: string }>(
  'assets.referred',
  'select distinct digest from assets where digest = any($1)',
);

/** Content is stored before a row refers to it, so what is young may only not be referred to yet. */
const YOUNG_MS = 24 * 3_600_000;

/**
 * Removes content that no row of any organization refers to any more: what was erased is gone from the disk too. Says how
 * much was removed.
 */
export async function removeUnreferredContent(
  blobs: Blobs,
  statements: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>,
  youngMs = YOUNG_MS,
): Promise<number> {
  let removed = 0;
  for await (const digests of blobs.listIdle(youngMs)) {
    const kept = new Set((await statements((tx) => tx.query(referred, [digests]))).map(({ digest }) => digest));
    for (const digest of digests) {
      if (!kept.has(digest) && (await blobs.removeIdle(digest, youngMs))) removed += 1;
    }
  }
  return removed;
}
