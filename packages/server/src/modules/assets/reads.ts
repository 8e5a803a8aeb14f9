import { buffer } from 'node:stream/consumers';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Contents } from './contents.ts';
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
