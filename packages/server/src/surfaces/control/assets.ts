import { createHash } from 'node:crypto';
import { type Asset, AssetUpload, controlRoutes as routes } from '@assay/contract';
import type { z } from 'zod';
import { AppError } from '../../kernel/errors.ts';
import {
  type AssetUsage,
  type assetOperations,
  faultOfName,
  isMediaType,
  type quotaOperations,
  type ReceivedFile,
  type Asset as StoredAsset,
} from '../../modules/assets/index.ts';
import { reprDigest, type SaidDigest, saidDigests } from '../http/digest-headers.ts';
import { expectedTags, isKnown } from '../http/etag.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { partOf } from '../http/range.ts';
import { type Handler, invalidFields, type Surface, toFault } from '../http/surface.ts';
import { drop, type IncomingFile, incomingFile } from '../http/upload.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

export type AssetOperations = ReturnType<typeof assetOperations> & ReturnType<typeof quotaOperations>;

type Raw = Parameters<Handler<typeof routes.getAsset>>[2];

/** Assets: `data.asset`; downloads are the bytes themselves. */
export function serveAssets(surface: Surface, { operator }: HttpKit, of: AssetOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.uploadAsset, async ({ query }, call, raw) => {
    const { reply, request } = raw;
    const receive = async (): Promise<ReceivedFile> => {
      const file = await incomingFile(request.raw);
      const { digests, ...said } = describe(file, { query, headers: request.headers });
      return run(of.receiveFile, call, { upload: { bytes: file.bytes, sizeBytes: file.sizeBytes, digests }, ...said });
    };
    const received = await receive().finally(() => drop(request.raw));
    bindTo(call, received);
    try {
      const asset = await run(of.createAsset, call, received);
      reply.header('location', `/v1/assets/${asset.id}`);
      return answerWith(call, raw, asset, 201);
    } finally {
      await received.giveUp();
    }
  });

  surface.serve(routes.listAssets, async ({ query }, call) => {
    const page = await run(of.listAssets, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { assets: page.items.map(encodeAsset) },
      links: pageLinks('/v1/assets', { limit: query.limit }, page.nextCursor),
    });
  });

  surface.serve(routes.getAsset, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.getAsset, call, params)),
  );

  const usageOf = (call: HttpCall, usage: AssetUsage) =>
    envelope(call, {
      status: 200,
      data: { asset_usage: encodeUsage(usage) },
      links: { self: `/v1/organizations/${usage.orgId}/asset-usage` },
    });
  surface.serve(routes.getAssetUsage, async (_decoded, call) =>
    usageOf(call, await run(of.getAssetUsage, call, undefined)),
  );
  surface.serve(routes.setAssetQuota, async ({ params, body }, call) =>
    usageOf(call, await run(of.setAssetQuota, call, { id: params.id, quotaBytes: body.quota_bytes })),
  );

  surface.serve(routes.deleteAsset, async ({ params }, call, raw) => {
    const expected = expectedTags(raw.request.headers);
    return answerWith(call, raw, await run(of.deleteAsset, call, { id: params.id, expected }));
  });

  surface.serve(routes.downloadAsset, async ({ params }, call, { request, reply }) => {
    const { asset, open } = await run(of.downloadAsset, call, params);
    for (const [name, value] of Object.entries(fileHeaders(asset))) reply.header(name, value);
    if (isHeld(asset, request.headers)) {
      reply.code(304);
      return undefined;
    }
    if (request.method === 'HEAD') {
      reply.header('content-length', asset.sizeBytes);
      return undefined;
    }
    return open(frame(asset, { request, reply }));
  });
}

/**
 * Whether a caller has the content already. Conditions count in the order of RFC 9110, section 13.2.2.
 * @throws AppError `precondition` when they expect another one
 */
function isHeld(asset: StoredAsset, headers: Raw['request']['headers']): boolean {
  const expected = expectedTags(headers);
  if (expected !== null && !expected.includes(asset.digest))
    throw new AppError('precondition', 'asset.changed', 'This asset has another content than you expect.');
  return isKnown(headers, asset.digest);
}

/** Says in the headers which part of an asset is sent, and gives that part. */
function frame(asset: StoredAsset, { request, reply }: Raw): { start: number; end: number } {
  const size = asset.sizeBytes;
  const part = partOf(request.headers, { tag: asset.digest, size });
  if (part === 'unsatisfiable') {
    reply.header('content-range', `bytes */${size}`);
    throw new AppError('invalid', 'asset.range', `The asset has ${size} bytes: that part is not among them.`);
  }
  if (part === 'whole') {
    reply.header('content-length', size);
    return { start: 0, end: size };
  }
  reply.code(206);
  reply.header('content-length', part.end - part.start);
  reply.header('content-range', `bytes ${part.start}-${part.end - 1}/${size}`);
  return part;
}

/** Always a download, never a page: nothing that a program wrote is rendered on our origin. */
const fileHeaders = (asset: StoredAsset): Record<string, string> => ({
  'content-type': 'application/octet-stream',
  'content-disposition': `attachment; filename*=UTF-8''${encodeName(asset.filename.split('/').pop() ?? 'asset')}`,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cache-control': 'private, no-cache',
  'accept-ranges': 'bytes',
  etag: `"${asset.digest}"`,
  'repr-digest': reprDigest(asset.digest),
});

/** As RFC 8187, section 3.2 wants it: what `encodeURIComponent` leaves alone besides is not allowed there. */
const encodeName = (name: string): string =>
  encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

type Said = z.output<typeof AssetUpload>;

/** What is known of a file before it is read: of the query, the form and the headers. */
function describe(
  file: IncomingFile,
  { query, headers }: { query: Said; headers: Parameters<typeof saidDigests>[0] },
): { filename: string; mediaType: string; expiresInSeconds: number | null; digests: SaidDigest[] } {
  const said = { ...readFields(file.fields), ...query };
  const digests = saidDigests(headers);
  if (file.isForm && digests.length > 0)
    throw invalidFields([
      {
        field: 'Content-Digest',
        constraint: 'form',
        message:
          'A digest in the headers is that of the form. Say that of the file as sha256, in the query or the form',
      },
    ]);
  if (said.sha256 !== undefined) digests.push({ algorithm: 'sha256', value: Buffer.from(said.sha256, 'hex') });
  const filename = (said.filename ?? file.filename ?? 'file').normalize('NFC');
  const mediaType = said.media_type ?? file.mediaType ?? 'application/octet-stream';
  const fault = faultOfName(filename);
  if (fault !== null) throw invalidFields([{ field: 'filename', constraint: 'name', message: `Filename ${fault}` }]);
  if (!isMediaType(mediaType))
    throw invalidFields([{ field: 'media_type', constraint: 'format', message: 'Media_type must be like text/plain' }]);
  return { filename, mediaType, expiresInSeconds: said.expires_in_seconds ?? null, digests };
}

function readFields(fields: IncomingFile['fields']): Said {
  const read = AssetUpload.strict().safeParse(fields);
  if (read.success) return read.data;
  throw invalidFields(read.error.issues.map((issue) => toFault(issue, '')));
}

/** What an idempotency key is bound to: not how a file was sent, but what it is. */
function bindTo(call: HttpCall, { stored, filename, mediaType, expiresInSeconds }: ReceivedFile): void {
  if (call.idempotency === null) return;
  const what = [stored.digest, filename, mediaType, expiresInSeconds];
  call.idempotency = { ...call.idempotency, inputHash: createHash('sha256').update(JSON.stringify(what)).digest() };
}

function answerWith(call: HttpCall, { reply }: Raw, asset: StoredAsset, status = 200) {
  reply.header('etag', `"${asset.digest}"`);
  return envelope(call, { status, data: { asset: encodeAsset(asset) }, links: { self: `/v1/assets/${asset.id}` } });
}

const encodeUsage = (usage: AssetUsage) => ({
  organization_id: usage.orgId,
  asset_count: usage.assetCount,
  stored_bytes: usage.storedBytes,
  reserved_bytes: usage.reservedBytes,
  quota_bytes: usage.quotaBytes,
  limit_bytes: usage.limitBytes,
});

const encodeAsset = (asset: StoredAsset): Asset => ({
  id: asset.id,
  filename: asset.filename,
  media_type: asset.mediaType,
  size_bytes: asset.sizeBytes,
  sha256: asset.digest,
  created_by: asset.createdBy,
  created_at: asset.createdAt.toISOString(),
  expires_at: asset.expiresAt?.toISOString() ?? null,
});
