/*
 * Where to begin looking for leaves that wait.
 *
 * What was placed is deleted, but stays in the index until no reader anywhere can see it any more: beside a backup or a
 * long report that is hundreds of thousands of dead entries in front of the living ones. So the look begins behind an id
 * below which nothing can wait. Ids are given out before the commit, so an id alone says nothing: the floor rises to one
 * when every transaction has ended that ran a while after it was given out.
 */

/** Transaction ids: all below `xmin` have ended, none has begun at `xmax` or above. */
export type Snapshot = { xmin: bigint; xmax: bigint };

/** Between an id's being given out and its transaction's having a number: microseconds, unless its process was frozen. */
const NUMBERED_MS = 1_000;
/** A look without a floor, for what a frozen process may have left below it: late, but not lost. */
const FULL_LOOK_MS = 30_000;

type Candidate = { id: number; seenAt: number; xmax: bigint | null };

/** The id below which nothing waits, as far as this process knows. */
export class Floor {
  #id = 0;
  #candidate: Candidate | null = null;
  #isSettled = false;
  #fullLookAt = 0;

  /** Takes note of a snapshot that is older than the look that follows; gives the id that the look is to begin behind. */
  begin({ xmin, xmax }: Snapshot, now: number): number {
    const candidate = this.#candidate;
    if (candidate && candidate.xmax === null && now - candidate.seenAt >= NUMBERED_MS) candidate.xmax = xmax;
    this.#isSettled = candidate !== null && candidate.xmax !== null && xmin >= candidate.xmax;
    if (now < this.#fullLookAt) return this.#id;
    this.#fullLookAt = now + FULL_LOOK_MS;
    return 0;
  }

  /** What the look found was placed, up to `lastId`; `isAll` says that nothing else was there to be seen. */
  end(placed: { lastId: number | null; isAll: boolean }, now: number): void {
    const { lastId, isAll } = placed;
    const candidate = this.#candidate;
    if (candidate && this.#isSettled && (isAll || (lastId !== null && lastId >= candidate.id))) {
      this.#id = Math.max(this.#id, candidate.id);
      this.#candidate = null;
    }
    if (this.#candidate === null && lastId !== null) this.#candidate = { id: lastId, seenAt: now, xmax: null };
  }

  /** Something may wait anywhere. */
  reset(): void {
    this.#id = 0;
    this.#candidate = null;
    this.#isSettled = false;
    this.#fullLookAt = 0;
  }
}
