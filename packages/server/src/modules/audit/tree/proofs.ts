import { foldRoots, hashNode, TILE_HEIGHT, TILE_WIDTH } from './model.ts';

/** A perfect subtree: its height, and which of those of that height it is. */
export type Node = { height: number; index: number };
/** Leaves `from` to before `to`, whose hash a proof holds. */
type Range = { from: number; to: number };

const nameOf = ({ height, index }: Node): string => `${height}/${index}`;

/** The largest power of two below a number of leaves: where RFC 6962 splits them. */
function split(leaves: number): number {
  let size = 1;
  while (size * 2 < leaves) size *= 2;
  return size;
}

/** The perfect subtrees that a range falls into. It begins where a subtree of its size can. */
function nodesOf({ from, to }: Range): Node[] {
  const nodes: Node[] = [];
  for (let start = from; start < to; ) {
    let height = 0;
    while (start + 2 ** (height + 1) <= to) height += 1;
    nodes.push({ height, index: start / 2 ** height });
    start += 2 ** height;
  }
  return nodes;
}

/** PATH of RFC 6962, section 2.1.1: what to hash a leaf with, from the bottom. */
function inclusionRanges(index: number, size: number): Range[] {
  const path: Range[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + split(to - from);
    if (index < middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  return path.reverse();
}

/** PROOF of RFC 6962, section 2.1.2. */
function consistencyRanges(older: number, newer: number): Range[] {
  if (older === 0 || older === newer) return [];
  const path: Range[] = [];
  let [from, to] = [0, newer];
  while (older !== to) {
    const middle = from + split(to - from);
    if (older <= middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  // A subtree that the older tree ends with is known to its holder only when it is the whole older tree.
  if (from > 0) path.push({ from, to });
  return path.reverse();
}

/** Gives the hashes of nodes, by `height/index`. */
export type ReadNodes = (nodes: readonly Node[]) => Promise<ReadonlyMap<string, Buffer>>;

async function hashesOf(ranges: readonly Range[], read: ReadNodes): Promise<Buffer[]> {
  const parts = ranges.map(nodesOf);
  const known = await read(parts.flat());
  return parts.map((nodes) => foldRoots(nodes.map((node) => known.get(nameOf(node)) as Buffer)));
}

/** The proof that the leaf at an index is in the tree of a size, and the root of that tree. */
export async function inclusionProof(index: number, size: number, read: ReadNodes) {
  const ranges = [...inclusionRanges(index, size), { from: 0, to: size }, { from: index, to: index + 1 }];
  const hashes = await hashesOf(ranges, read);
  return { path: hashes.slice(0, -2), root: hashes.at(-2) as Buffer, leafHash: hashes.at(-1) as Buffer };
}

/** The proof that the tree of one size begins with that of a smaller one, and both roots. */
export async function consistencyProof(older: number, newer: number, read: ReadNodes) {
  const ranges = [...consistencyRanges(older, newer), { from: 0, to: older }, { from: 0, to: newer }];
  const hashes = await hashesOf(ranges, read);
  return { path: hashes.slice(0, -2), olderRoot: hashes.at(-2) as Buffer, newerRoot: hashes.at(-1) as Buffer };
}

/** Stored hashes that a node is made of: `count` of a tile's level, from the one of number `start`. */
export type Run = { level: number; start: number; count: number };

/** A node is hashed from stored nodes of the level below it, which are all in one tile. */
export function runOf({ height, index }: Node): Run {
  const above = height % TILE_HEIGHT;
  return { level: (height - above) / TILE_HEIGHT, start: index * 2 ** above, count: 2 ** above };
}

export const tileOf = ({ start }: Run): number => Math.floor(start / TILE_WIDTH);

/** The root of the perfect subtree over these hashes. */
export function perfectRoot(hashes: readonly Buffer[]): Buffer {
  let row = [...hashes];
  while (row.length > 1) {
    row = Array.from({ length: row.length / 2 }, (_, at) => hashNode(row[2 * at] as Buffer, row[2 * at + 1] as Buffer));
  }
  return row[0] as Buffer;
}

export { nameOf as nodeName };
