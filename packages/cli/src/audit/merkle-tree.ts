import { hash } from 'node:crypto';

/*
 * The tree of RFC 6962, section 2.1, built from the leaves alone. It shares no code with the server: what one of them
 * gets wrong, the other does not.
 */

const sha256 = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
const nodeOf = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.of(1), left, right);

export const leafHashOf = (bytes: string): Buffer => sha256(Buffer.of(0), Buffer.from(bytes));

/** A tree that grows leaf by leaf and knows its root at any time. */
export class MerkleTree {
  /** Roots of perfect subtrees, by height; a hole where the size has a 0. */
  readonly #subtrees: (Buffer | null)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(leafHash: Buffer): void {
    let carried = leafHash;
    let height = 0;
    for (let left = this.#subtrees[height]; left; left = this.#subtrees[height]) {
      carried = nodeOf(left, carried);
      this.#subtrees[height] = null;
      height += 1;
    }
    this.#subtrees[height] = carried;
    this.#size += 1;
  }

  root(): Buffer {
    let root: Buffer | null = null;
    for (const subtree of this.#subtrees) if (subtree) root = root === null ? subtree : nodeOf(subtree, root);
    return root ?? sha256();
  }
}
