import { buffer } from 'node:stream/consumers';
import { isUuid } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Contents } from './contents.ts';
import { assetErrors } from './errors.ts';
import { findWithContent } from './store.ts';

const existing = statement<{ id: string }>(
  'assets.existing',
  'select id from assets where org_id = $1 and id = any($2::uuid[])',
);

/** Which of these assets an organization has. */
export async function existingAssets(tx: Tx, orgId: string, ids: readonly string[]): Promise<string[]> {
  return (await tx.query(existing, [orgId, ids])).map(({ id }) => id);
}

/** The whole content of an organization's asset. For callers that have decided already that it may be read. */
export async function readAsset(tx: Tx, contents: Contents, orgId: string, id: string): Promise<Buffer> {
  const found = await findWithContent(tx, orgId, id);
  const content = found && (await contents.open(found.content));
  return content ? buffer(content) : Buffer.alloc(0);
}

/** The same of one that may be missing, or longer than its reader can take. @throws AppError `not_found`, `too_large` */
export async function readSmallAsset(
  tx: Tx,
  contents: Contents,
  { orgId, id, mostBytes }: { orgId: string; id: string; mostBytes: number },
): Promise<Buffer> {
  const found = isUuid(id) ? await findWithContent(tx, orgId, id) : null;
  const size = found?.asset.sizeBytes ?? 0;
  if (size > mostBytes)
    throw assetErrors.too_large(`The asset ${id} has ${size} bytes; ${mostBytes} can be read here.`);
  const content = found && (await contents.open(found.content));
  if (!content) throw assetErrors.not_found('There is no asset with this id.');
  return buffer(content);
}
