import { hash } from 'node:crypto';

/*
 * The Merkle tree of RFC 6962, section 2.1.
 *
 * node (h, i)   root of the perfect subtree over leaves i·2^h … (i+1)·2^h - 1; never changes once those leaves are there
 * frontier      the perfect subtrees that a tree of some size falls into, from the left: one for each 1 in the size
 */

export const HASH_BYTES = 32;

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
const sha256 = (parts: Buffer[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

export const hashLeaf = (bytes: Buffer): Buffer => sha256([LEAF, bytes]);

/** What a node is hashed from, written anew each time: a proof hashes hundreds, and none of it waits for anything. */
const nodeInput = Buffer.concat([NODE, Buffer.alloc(2 * HASH_BYTES)]);

export function hashNode(left: Buffer, right: Buffer): Buffer {
  left.copy(nodeInput, 1);
  right.copy(nodeInput, 1 + HASH_BYTES);
  return hash('sha256', nodeInput, 'buffer');
}

/** The root over perfect subtrees from left to right; that of nothing is the hash of nothing. */
export function foldRoots(roots: readonly Buffer[]): Buffer {
  const [last, ...others] = roots.toReversed();
  if (!last) return sha256([]);
  return others.reduce((right, left) => hashNode(left, right), last);
}

/** Tiles hold the nodes at every eighth height, 256 to a tile. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 2 ** TILE_HEIGHT;

/** A node that goes into a tile of level 1 or above. */
export type TileNode = { level: number; index: number; hash: Buffer };

/** The right edge of a tree: takes leaves, and knows the root. */
export class Frontier {
  #size: number;
  readonly #roots: Buffer[];

  /** @param packed what `packed` gave, or nothing for an empty tree */
  constructor(size = 0, packed: Buffer = Buffer.alloc(0)) {
    this.#size = size;
    this.#roots = unpack(packed);
    if (this.#roots.length !== ones(size)) throw new Error(`The frontier of a tree of ${size} leaves does not fit it.`);
  }

  get size(): number {
    return this.#size;
  }

  get root(): Buffer {
    return foldRoots(this.#roots);
  }

  get packed(): Buffer {
    return Buffer.concat(this.#roots);
  }

  /** Adds a leaf at the index that is the size so far; gives the nodes that it completed and that tiles hold. */
  append(leafHash: Buffer): TileNode[] {
    const completed: TileNode[] = [];
    let node = leafHash;
    let index = this.#size;
    for (let height = 1; index % 2 === 1; height++) {
      node = hashNode(this.#roots.pop() as Buffer, node);
      index = (index - 1) / 2;
      if (height % TILE_HEIGHT === 0) completed.push({ level: height / TILE_HEIGHT, index, hash: node });
    }
    this.#roots.push(node);
    this.#size += 1;
    return completed;
  }
}

/** Hashes out of what holds them one behind the other. */
export function unpack(packed: Buffer): Buffer[] {
  return Array.from({ length: packed.length / HASH_BYTES }, (_, at) =>
    packed.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
}

/** The nodes that a frontier is made of, by `height/index`. */
export function frontierNodes(size: number, packed: Buffer): Map<string, Buffer> {
  const nodes = new Map<string, Buffer>();
  let from = 0;
  for (const root of unpack(packed)) {
    let height = 0;
    while (from + 2 ** (height + 1) <= size) height += 1;
    nodes.set(`${height}/${from / 2 ** height}`, root);
    from += 2 ** height;
  }
  return nodes;
}

/** Also beyond what bit operators reach. */
function ones(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
