import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Frontier, hashLeaf, hashNode } from './model.ts';
import { consistencyProof, inclusionProof, type Node, nodeName } from './proofs.ts';

/** The definitions of RFC 6962, section 2.1, word for word: slow, and plainly right. */
const leaves = Array.from({ length: 600 }, (_, index) => Buffer.from(`leaf ${index}`));
const sha256 = (data: Buffer): Buffer => hash('sha256', data, 'buffer');
const splitOf = (count: number): number => 2 ** Math.ceil(Math.log2(count) - 1);

function mth(d: readonly Buffer[]): Buffer {
  if (d.length === 0) return sha256(Buffer.alloc(0));
  if (d.length === 1) return sha256(Buffer.concat([Buffer.of(0), d[0] as Buffer]));
  const k = splitOf(d.length);
  return sha256(Buffer.concat([Buffer.of(1), mth(d.slice(0, k)), mth(d.slice(k))]));
}
function path(m: number, d: readonly Buffer[]): Buffer[] {
  if (d.length === 1) return [];
  const k = splitOf(d.length);
  return m < k ? [...path(m, d.slice(0, k)), mth(d.slice(k))] : [...path(m - k, d.slice(k)), mth(d.slice(0, k))];
}
function subproof(m: number, d: readonly Buffer[], isWhole: boolean): Buffer[] {
  if (m === d.length) return isWhole ? [] : [mth(d)];
  const k = splitOf(d.length);
  return m <= k
    ? [...subproof(m, d.slice(0, k), isWhole), mth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))];
}

const read = async (nodes: readonly Node[]) =>
  new Map(
    nodes.map((node) => {
      const width = 2 ** node.height;
      return [nodeName(node), mth(leaves.slice(node.index * width, (node.index + 1) * width))];
    }),
  );
const treeOf = (size: number): Frontier => {
  const tree = new Frontier();
  for (const leaf of leaves.slice(0, size)) tree.append(hashLeaf(leaf));
  return tree;
};

describe('the tree', () => {
  test('has the roots that the known vectors of Certificate Transparency have', () => {
    const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const tree = new Frontier();
    expect(tree.root.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    for (const hex of inputs) tree.append(hashLeaf(Buffer.from(hex, 'hex')));
    expect(tree.root.toString('hex')).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  });

  test('has the root of the definition at every size, also when it goes on from what was kept', () => {
    let tree = new Frontier();
    for (let size = 0; size < 300; size++) {
      expect(tree.root).toEqual(mth(leaves.slice(0, size)));
      tree = new Frontier(tree.size, Buffer.from(tree.packed));
      tree.append(hashLeaf(leaves[size] as Buffer));
    }
  });

  test('gives the nodes that tiles hold as they are completed, each once and in order', () => {
    const tree = new Frontier();
    const nodes = leaves.flatMap((leaf) => tree.append(hashLeaf(leaf)));
    expect(nodes).toEqual([
      { level: 1, index: 0, hash: mth(leaves.slice(0, 256)) },
      { level: 1, index: 1, hash: mth(leaves.slice(256, 512)) },
    ]);
  });

  test('does not go on from a frontier of another size', () => {
    expect(() => new Frontier(3, treeOf(2).packed)).toThrow(/does not fit/);
  });

  test('hashes no leaf as if it were a node', () => {
    const [left, right] = [hashLeaf(Buffer.from('a')), hashLeaf(Buffer.from('b'))];
    expect(hashLeaf(Buffer.concat([left, right]))).not.toEqual(hashNode(left, right));
  });
});

const sizes = fc.integer({ min: 1, max: 600 });

describe('a proof', () => {
  test('of inclusion is that of the definition, for any leaf in any tree', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (size, some) => {
        const index = some % size;
        const proof = await inclusionProof(index, size, read);
        expect(proof.path).toEqual(path(index, leaves.slice(0, size)));
        expect(proof.root).toEqual(mth(leaves.slice(0, size)));
        expect(proof.leafHash).toEqual(hashLeaf(leaves[index] as Buffer));
      }),
      { numRuns: 60 },
    );
  });

  test('of consistency is that of the definition, for any two sizes', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (one, other) => {
        const [older, newer] = [Math.min(one, other), Math.max(one, other)];
        const proof = await consistencyProof(older, newer, read);
        expect(proof.path).toEqual(subproof(older, leaves.slice(0, newer), true));
        expect(proof.olderRoot).toEqual(mth(leaves.slice(0, older)));
        expect(proof.newerRoot).toEqual(mth(leaves.slice(0, newer)));
      }),
      { numRuns: 60 },
    );
  });
});
