import type { Readable } from 'node:stream';
import { isUuid } from '../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts';
import { type AnyOperation, type Context, operation } from '../../platform/operation.ts';
import type { Contents, Upload } from './contents.ts';
import { assetErrors } from './errors.ts';
import { type Asset, isAllowedType, type Range, type Stored } from './model.ts';
import { addAssets, deleteAssets } from './references.ts';
import * as store from './store.ts';

export type AssetServices = {
  contents: Contents;
  /** Media types and families of them that callers may upload; none named: all. */
  allowedTypes: readonly string[];
};

/** What a caller says of a file, besides sending it. */
export type Description = { filename: string; mediaType: string; expiresInSeconds: number | null };
/** A file that has come, and that nothing has been made of yet. */
export type ReceivedFile = { stored: Stored; giveUp(): Promise<void> } & Description;
/** An asset, and how to read it. */
export type OpenAsset = { asset: Asset; open(range?: Range): Promise<Readable> };
type One = { id: string };
/** Digests that its content may have (`If-Match`); null: any. */
type ExpectedDigests = { expected: readonly string[] | null };

const WRITE = { scope: 'assets:write', narrows: true, rate: 'control' } as const;
const READ = { scope: 'assets:read', narrows: true, effect: 'read', rate: 'control', audit: null } as const;

export const assetOperations = (services: AssetServices) =>
  ({
    receiveFile: receiveFile(services),
    createAsset,
    listAssets,
    getAsset,
    downloadAsset: downloadAsset(services),
    deleteAsset,
  }) satisfies Record<string, AnyOperation>;

/** The first half of an upload. It waits on the caller, so no transaction is open meanwhile. */
const receiveFile = ({ contents, allowedTypes }: AssetServices) =>
  operation({
    ...WRITE,
    name: 'assets.file.receive',
    summary: 'Take in the bytes of a file, of which an asset is made then.',
    effect: 'create',
    // Nothing is there before the asset is, and that is audited.
    audit: 'own',
    transaction: 'none',
    async run(context, { upload, ...said }: { upload: Upload } & Description): Promise<ReceivedFile> {
      if (!isAllowedType(said.mediaType, allowedTypes))
        throw assetErrors.type_refused(
          `Files of type ${said.mediaType} may not be stored here. These may: ${allowedTypes.join(', ')}.`,
        );
      const orgId = orgOf(context);
      const stored = await contents.receive(orgId, upload);
      return { ...said, stored, giveUp: () => contents.giveUp(orgId, stored.object) };
    },
  });

const createAsset = operation({
  ...WRITE,
  name: 'assets.asset.create',
  summary: 'Store a file.',
  effect: 'create',
  // It was counted when the file was received.
  rate: 'included',
  audit: {
    action: 'asset.created',
    target: (_input: ReceivedFile, asset: Asset) => targetOf(asset),
    detail: (_input, asset) => describe(asset),
  },
  async run(context, { stored, mediaType, filename, expiresInSeconds }): Promise<Asset> {
    const orgId = orgOf(context);
    const { kind, id: by } = context.by;
    const file = { ...stored, mediaType, filename, createdBy: { kind, id: by }, expiresInSeconds };
    const [id = ''] = await addAssets(context.tx, orgId, [file]);
    const asset = await requireAsset(context, id);
    context.emit({ type: 'asset.created', subject: asset.id, data: describe(asset) });
    return asset;
  },
});

const listAssets = operation({
  ...READ,
  name: 'assets.asset.list',
  summary: 'List stored files, the newest first.',
  async run(context, input: { limit: number; cursor: string | null }): Promise<Page<Asset>> {
    const [createdAt = '', id = ''] =
      input.cursor === null ? [] : decodeCursor(input.cursor, [(key) => !Number.isNaN(Date.parse(key)), isUuid]);
    const after = input.cursor === null ? null : { createdAt, id };
    const createdBy = context.ownOnly ? context.by.id : null;
    const found = await store.listAssets(context.tx, orgOf(context), { after, createdBy, limit: input.limit + 1 });
    const items = found.slice(0, input.limit);
    const last = items.at(-1);
    const isMore = found.length > input.limit && last !== undefined;
    return { items, nextCursor: isMore ? encodeCursor([last.createdAt.toISOString(), last.id]) : null };
  },
});

const getAsset = operation({
  ...READ,
  name: 'assets.asset.get',
  summary: 'See what is known of a stored file.',
  run: (context, { id }: One): Promise<Asset> => requireAsset(context, id),
});

const downloadAsset = ({ contents }: AssetServices) =>
  operation({
    ...READ,
    name: 'assets.asset.download',
    summary: 'Download a stored file.',
    async run(context, { id }: One): Promise<OpenAsset> {
      const found = isUuid(id) ? await store.findWithContent(context.tx, orgOf(context), id) : null;
      if (!found || !reaches(context, found.asset)) throw notFound();
      return {
        asset: found.asset,
        async open(range) {
          const content = await contents.open(found.content, range);
          if (content) return content;
          throw assetErrors.content_missing(
            'The content of this asset is missing from the store. Restore it from a backup.',
          );
        },
      };
    },
  });

const deleteAsset = operation({
  ...WRITE,
  name: 'assets.asset.delete',
  summary: 'Delete a stored file.',
  effect: 'wind_down',
  audit: {
    action: 'asset.deleted',
    target: (_input: One & ExpectedDigests, asset: Asset) => targetOf(asset),
    detail: (_input, asset) => describe(asset),
  },
  async run(context, { id, expected }): Promise<Asset> {
    const asset = isUuid(id) ? await store.lockAsset(context.tx, orgOf(context), id) : null;
    if (!asset || !reaches(context, asset)) throw notFound();
    if (expected !== null && !expected.includes(asset.digest))
      throw assetErrors.changed('This asset has another content than you expect. Look at it again.');
    await deleteAssets(context.tx, asset.orgId, [asset.id]);
    context.emit({ type: 'asset.deleted', subject: asset.id, data: describe(asset) });
    return asset;
  },
});

async function requireAsset(context: Context, id: string): Promise<Asset> {
  const asset = isUuid(id) ? await store.findAsset(context.tx, orgOf(context), id) : null;
  if (!asset || !reaches(context, asset)) throw notFound();
  return asset;
}

/** Whether the caller's permission goes as far as this asset. */
const reaches = ({ ownOnly, by }: Pick<Context, 'ownOnly' | 'by'>, { createdBy }: Asset): boolean =>
  !ownOnly || createdBy?.id === by.id;

const notFound = () => assetErrors.not_found('There is no asset with this id.');
const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Asset) => ({ type: 'asset', id });
/** A name may say who a file is about; the audit log and events do without it. */
const describe = ({ digest, sizeBytes, mediaType }: Asset) => ({
  sha256: digest,
  size_bytes: sizeBytes,
  media_type: mediaType,
});
