import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type ContentServices, Contents, DiskObjects, type Objects, S3Objects } from '../modules/assets/index.ts';
import type { DataKeys } from '../modules/vault/index.ts';
import type { Database, Tx } from '../platform/db/index.ts';
import { readBucket } from './bucket.ts';

type Parts = {
  config: Config;
  database: Database;
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  dataKeys: DataKeys;
};

/** Where the bytes of assets are kept. `systemContents` takes no connections from those that requests have. */
export function composeContents({ config, database, systemTransaction, dataKeys }: Parts) {
  const objects = storeOf(config);
  const services: Omit<ContentServices, 'transaction'> = {
    objects,
    limits: { maxBytes: config.assetMaxBytes, quotaBytes: config.assetQuotaBytes || null },
    dataKeys,
    isSealing: config.assetEncryption,
  };
  return {
    objects,
    contents: new Contents({ ...services, transaction: (orgId, work) => database.transaction({ orgId }, work) }),
    systemContents: new Contents({ ...services, transaction: (_orgId, work) => systemTransaction(work) }),
  };
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
