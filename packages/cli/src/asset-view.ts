import type { Asset } from '@assay/contract';
import { sizeText } from './asset-file.ts';
import { fields, type Human, table } from './view.ts';

/** What is known of an asset, for people. */
export const assetFields = (asset: Asset): Human =>
  fields(
    ['id', asset.id],
    ['name', asset.filename],
    ['type', asset.media_type],
    ['size', sizeText(asset.size_bytes)],
    ['sha256', asset.sha256],
    ['created', asset.created_at],
    ['expires', asset.expires_at],
  );

export const assetTable = (assets: readonly Asset[]): Human =>
  table(
    ['id', 'name', 'type', 'bytes', 'created', 'expires'],
    assets.map((of) => [of.id, of.filename, of.media_type, of.size_bytes, of.created_at, of.expires_at]),
    'There are no files here. Put one: assay assets put FILE',
  );
