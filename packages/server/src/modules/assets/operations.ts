import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isUuid } from '../../kernel/ids.ts';
import type { Tx } from '../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import { assetErrors } from './errors.ts';
import type { Asset } from './model.ts';
import type { Blobs } from './ports.ts';
import { findAsset } from './store.ts';

/** The whole content of an organization's asset. For callers that have decided already that it may be read. */
export async function readAsset(tx: Tx, blobs: Blobs, orgId: string, id: string): Promise<Buffer> {
  const asset = await findAsset(tx, orgId, id);
  const content = asset && (await blobs.open(asset.digest));
  return content ? buffer(content) : Buffer.alloc(0);
}

export function assetOperations({ blobs }: { blobs: Blobs }) {
  const downloadAsset = operation({
    name: 'assets.asset.download',
    summary: 'Download a stored file.',
    scope: 'assets:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    async run({ tx, by }, input: { id: string }): Promise<{ asset: Asset; content: Readable }> {
      const asset = isUuid(input.id) ? await findAsset(tx, String(by.orgId), input.id) : null;
      if (!asset) throw assetErrors.not_found('There is no asset with this id.');
      const content = await blobs.open(asset.digest);
      if (!content)
        throw assetErrors.content_missing(
          'The content of this asset is missing from the store. Restore it from a backup.',
        );
      return { asset, content };
    },
  });
  return { downloadAsset } satisfies Record<string, AnyOperation>;
}
