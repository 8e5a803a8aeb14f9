import { statement, type Tx } from '../../../platform/db/index.ts';
import { frontierNodes, HASH_BYTES, TILE_WIDTH, type TileNode, unpack } from './model.ts';
import { type Node, nodeName, perfectRoot, type Run, runOf, tileOf } from './proofs.ts';

/** A tree as of its newest checkpoint. */
export type StoredTree = { orgId: string; size: number; frontier: Buffer; root: Buffer; checkpoint: string };
type TreeRow = { org_id: string; size: number; frontier: Buffer; root: Buffer; checkpoint: string };
const COLUMNS = 'org_id, size, frontier, root, checkpoint';

const tree = statement<TreeRow>('audit.tree', `select ${COLUMNS} from audit_trees where org_id = $1`);
const lockTrees = statement<TreeRow>(
  'audit.lock_trees',
  `select ${COLUMNS} from audit_trees where org_id = any($1) order by org_id for update`,
);
const tiles = statement<{ level: number; tile_index: number; hashes: Buffer }>(
  'audit.tiles',
  `select t.level, t.tile_index, t.hashes from audit_tiles t
   join unnest($2::smallint[], $3::bigint[]) as wanted (level, tile_index)
     on t.level = wanted.level and t.tile_index = wanted.tile_index
   where t.org_id = $1`,
);
// Behind the entries in the same transaction: of a full tile every hash is there. The limit is what keeps the planner to
// the index, whatever it thinks of ranges whose bounds it does not know: the table has millions of rows.
const fillTiles = statement(
  'audit.fill_tiles',
  `insert into audit_tiles (org_id, level, tile_index, hashes)
   select f.org_id, 0, f.tile_index, t.hashes from unnest($1::uuid[], $2::bigint[]) as f (org_id, tile_index)
   cross join lateral (
     select string_agg(e.leaf_hash, ''::bytea order by e.leaf_index) as hashes from (
       select leaf_index, leaf_hash from audit_entries
       where org_id = f.org_id and leaf_index >= f.tile_index * ${TILE_WIDTH}
       order by leaf_index limit ${TILE_WIDTH}) e) t`,
);
const leafHashes = statement<{ leaf_index: number; leaf_hash: Buffer }>(
  'audit.leaf_hashes',
  `select e.leaf_index, e.leaf_hash from unnest($2::bigint[], $3::bigint[]) as wanted (first, past)
   cross join lateral (
     select leaf_index, leaf_hash from audit_entries
     where org_id = $1 and leaf_index >= wanted.first and leaf_index < wanted.past
     order by leaf_index limit ${TILE_WIDTH}) e`,
);
const putTrees = statement(
  'audit.put_trees',
  `insert into audit_trees (org_id, size, frontier, root, checkpoint)
   select * from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[], $5::text[])
   on conflict (org_id) do update
   set size = excluded.size, frontier = excluded.frontier, root = excluded.root, checkpoint = excluded.checkpoint,
     checkpointed_at = now()`,
);
// Tiles only grow: what is new goes behind what is there.
const extendTiles = statement(
  'audit.extend_tiles',
  `insert into audit_tiles (org_id, level, tile_index, hashes)
   select * from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bytea[])
   on conflict (org_id, level, tile_index) do update set hashes = audit_tiles.hashes || excluded.hashes`,
);

const toTree = (row: TreeRow): StoredTree => ({
  orgId: row.org_id,
  size: row.size,
  frontier: row.frontier,
  root: row.root,
  checkpoint: row.checkpoint,
});

/** The tree of an organization; null while it has no leaf. */
export async function findTree(tx: Tx, orgId: string): Promise<StoredTree | null> {
  const [row] = await tx.query(tree, [orgId]);
  return row ? toTree(row) : null;
}

/** The trees of these organizations, as far as they have begun, by organization. */
export async function lockedTrees(tx: Tx, orgIds: readonly string[]): Promise<Map<string, StoredTree>> {
  return new Map((await tx.query(lockTrees, [orgIds])).map((row) => [row.org_id, toTree(row)]));
}

export function storeTrees(tx: Tx, trees: readonly StoredTree[]): void {
  tx.defer(putTrees, [
    trees.map(({ orgId }) => orgId),
    trees.map(({ size }) => size),
    trees.map(({ frontier }) => frontier),
    trees.map(({ root }) => root),
    trees.map(({ checkpoint }) => checkpoint),
  ]);
}

/** Adds completed nodes to their tiles; those of one organization and level come in order. */
export function storeTileNodes(tx: Tx, nodes: readonly (TileNode & { orgId: string })[]): void {
  const grown = new Map<string, { orgId: string; level: number; tile: number; hashes: Buffer[] }>();
  for (const { orgId, level, index, hash } of nodes) {
    const tile = Math.floor(index / TILE_WIDTH);
    const name = `${orgId}/${level}/${tile}`;
    const known = grown.get(name) ?? { orgId, level, tile, hashes: [] };
    known.hashes.push(hash);
    grown.set(name, known);
  }
  const rows = [...grown.values()];
  if (rows.length === 0) return;
  tx.defer(extendTiles, [
    rows.map(({ orgId }) => orgId),
    rows.map(({ level }) => level),
    rows.map(({ tile }) => tile),
    rows.map(({ hashes }) => Buffer.concat(hashes)),
  ]);
}

/** Writes the tiles of leaves that have become full: those whose root is among the nodes. The entries must be there. */
export function fillLeafTiles(tx: Tx, nodes: readonly (TileNode & { orgId: string })[]): void {
  const full = nodes.filter(({ level }) => level === 1);
  if (full.length > 0) tx.defer(fillTiles, [full.map(({ orgId }) => orgId), full.map(({ index }) => index)]);
}

/** Reads the nodes that a proof needs, in two statements at most; those of the tree's right edge it has already. */
export async function readNodes(
  tx: Tx,
  tree: Pick<StoredTree, 'orgId' | 'size' | 'frontier'>,
  wanted: readonly Node[],
): Promise<Map<string, Buffer>> {
  const edge = frontierNodes(tree.size, tree.frontier);
  const missing = wanted.filter((node) => !edge.has(nodeName(node)));
  return new Map([...edge, ...(missing.length > 0 ? await storedNodes(tx, tree.orgId, missing) : [])]);
}

async function storedNodes(tx: Tx, orgId: string, nodes: readonly Node[]): Promise<Map<string, Buffer>> {
  const runs = nodes.map(runOf);
  const tilesRead = await readTiles(tx, orgId, runs);
  const untiled = runs.filter((run) => run.level === 0 && !tilesRead.has(tileName(run)));
  const leaves = await readLeafHashes(tx, orgId, untiled);
  return new Map(
    nodes.map((node, at) => {
      const run = runs[at] as Run;
      const tile = tilesRead.get(tileName(run));
      const hashes = tile ? hashesIn(tile, run) : leavesOf(leaves, run);
      if (hashes.length !== run.count) throw new Error(`The tree of ${orgId} lacks a node at level ${run.level}.`);
      return [nodeName(node), perfectRoot(hashes)];
    }),
  );
}

const tileName = (run: Run): string => `${run.level}/${tileOf(run)}`;

function hashesIn(tile: Buffer, { start, count }: Run): Buffer[] {
  const first = start % TILE_WIDTH;
  return unpack(tile.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES));
}

const leavesOf = (leaves: ReadonlyMap<number, Buffer>, { start, count }: Run): Buffer[] =>
  Array.from({ length: count }, (_, offset) => leaves.get(start + offset)).filter((leaf) => leaf !== undefined);

async function readLeafHashes(tx: Tx, orgId: string, runs: readonly Run[]): Promise<Map<number, Buffer>> {
  if (runs.length === 0) return new Map();
  const [first, past] = [runs.map(({ start }) => start), runs.map(({ start, count }) => start + count)];
  const rows = await tx.query(leafHashes, [orgId, first, past]);
  return new Map(rows.map(({ leaf_index, leaf_hash }) => [leaf_index, leaf_hash]));
}

async function readTiles(tx: Tx, orgId: string, runs: readonly Run[]): Promise<Map<string, Buffer>> {
  const wanted = [...new Map(runs.map((run) => [tileName(run), run])).values()];
  const rows = await tx.query(tiles, [orgId, wanted.map(({ level }) => level), wanted.map(tileOf)]);
  return new Map(rows.map(({ level, tile_index, hashes }) => [`${level}/${tile_index}`, hashes]));
}
