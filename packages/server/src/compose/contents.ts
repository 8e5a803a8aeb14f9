import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { Contents, DiskObjects, type Objects } from '../modules/assets/index.ts';
import type { Database } from '../platform/db/index.ts';

/** Where the bytes of assets are kept. */
export function composeContents(config: Config, database: Database): { objects: Objects; contents: Contents } {
  const objects = new DiskObjects(join(config.dataDir, 'assets'));
  const contents = new Contents({
    objects,
    transaction: (orgId, work) => database.transaction({ orgId }, work),
    limits: { maxBytes: config.assetMaxBytes, quotaBytes: config.assetQuotaBytes || null },
  });
  return { objects, contents };
}
