import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { Contents, DiskObjects, type Objects, S3Objects } from '../modules/assets/index.ts';
import type { DataKeys } from '../modules/vault/index.ts';
import type { Database } from '../platform/db/index.ts';
import { readBucket } from './bucket.ts';

type Parts = { config: Config; database: Database; dataKeys: DataKeys };

/** Where the bytes of assets are kept. */
export function composeContents({ config, database, dataKeys }: Parts): { objects: Objects; contents: Contents } {
  const objects = storeOf(config);
  const contents = new Contents({
    objects,
    transaction: (orgId, work) => database.transaction({ orgId }, work),
    limits: { maxBytes: config.assetMaxBytes, quotaBytes: config.assetQuotaBytes || null },
    dataKeys,
    isSealing: config.assetEncryption,
  });
  return { objects, contents };
}

const storeOf = ({
  dataDir,
  assetBucket,
  assetBucketEndpoint: endpoint,
  assetBucketRegion: region,
}: Config): Objects =>
  assetBucket === null
    ? new DiskObjects(join(dataDir, 'assets'))
    : new S3Objects({ ...readBucket(assetBucket), endpoint, region });
