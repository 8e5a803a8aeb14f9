import { buffer } from 'node:stream/consumers';
import { isUuid } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Contents } from './contents.ts';
import { assetErrors } from './errors.ts';
import type { Asset } from './model.ts';
import { findWithContent } from './store.ts';

const owners = statement<{ id: string; created_by_kind: string | null; created_by: string | null }>(
  'assets.owners',
  'select id, created_by_kind, created_by from assets where org_id = $1 and id = any($2::uuid[])',
);

type Owner = Asset['createdBy'];

/** Who stored each of these assets, of those that an organization has. */
export async function findAssetOwners(tx: Tx, orgId: string, ids: readonly string[]): Promise<Map<string, Owner>> {
  const rows = await tx.query(owners, [orgId, ids]);
  return new Map(rows.map(({ id, created_by_kind, created_by }) => [id, ownerOf(created_by_kind, created_by)]));
}

const ownerOf = (kind: string | null, id: string | null): Owner => (kind === null || id === null ? null : { kind, id });

/** The whole content of an organization's asset. For callers that have decided already that it may be read. */
export async function readAsset(tx: Tx, contents: Pick<Contents, 'open'>, orgId: string, id: string): Promise<Buffer> {
  const found = await findWithContent(tx, orgId, id);
  const content = found && (await contents.open(found.content));
  return content ? buffer(content) : Buffer.alloc(0);
}

/**
 * The same of one that may be missing, or longer than its reader can take, or not theirs where they reach only their own.
 * @throws AppError `not_found`, `too_large`
 */
export async function readSmallAsset(
  tx: Tx,
  contents: Contents,
  { orgId, id, createdBy, mostBytes }: { orgId: string; id: string; createdBy: string | null; mostBytes: number },
): Promise<Buffer> {
  const there = isUuid(id) ? await findWithContent(tx, orgId, id) : null;
  const found = createdBy === null || there?.asset.createdBy?.id === createdBy ? there : null;
  const size = found?.asset.sizeBytes ?? 0;
  if (size > mostBytes)
    throw assetErrors.too_large(`The asset ${id} has ${size} bytes; ${mostBytes} can be read here.`);
  const content = found && (await contents.open(found.content));
  if (!content) throw assetErrors.not_found('There is no asset with this id.');
  return buffer(content);
}
