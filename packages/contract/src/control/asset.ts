import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

export const Asset = z
  .object({
    id: z.uuid(),
    filename: z.string(),
    media_type: z.string().meta({ description: 'As whoever uploaded it said; downloads are never shown as it.' }),
    size_bytes: z.int(),
    sha256: z.string().meta({ description: 'SHA-256 of the content, in hex. It is also the entity tag.' }),
    created_by: z
      .object({ kind: z.string(), id: z.string() })
      .nullable()
      .meta({ description: 'Null: a program of the organization left it behind.' }),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable().meta({ description: 'When it is deleted by itself.' }),
  })
  .meta({ id: 'Asset' });
export type Asset = z.infer<typeof Asset>;

/** What can be said of a file that is sent: in the query, or in fields of the form in front of the file. */
export const AssetUpload = z.object({
  filename: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'Its name, without a path. Default: that of the part of the form, or `file`.' }),
  media_type: z.string().min(3).max(255).optional().meta({
    description: 'Default: the content type of the part of the form, or of the request.',
  }),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'SHA-256, 64 hex digits')
    .optional()
    .meta({ description: 'What the SHA-256 of the file must be; the upload is refused otherwise.' }),
  expires_in_seconds: z.coerce
    .number()
    .int()
    .min(60)
    .max(366 * 86_400)
    .optional()
    .meta({ description: 'Has it deleted by itself after this time. Default: it stays.' }),
});
export type AssetUpload = z.input<typeof AssetUpload>;

export const AssetUsage = z
  .object({
    organization_id: z.uuid(),
    asset_count: z.int(),
    stored_bytes: z.int().meta({ description: 'Of all assets, each with its size.' }),
    reserved_bytes: z.int().meta({ description: 'Room that uploads under way hold.' }),
    quota_bytes: z.int().nullable().meta({ description: "The organization's own; null: that of the installation." }),
    limit_bytes: z.int().nullable().meta({ description: 'Which of them holds; null: none does.' }),
  })
  .meta({ id: 'AssetUsage' });
export type AssetUsage = z.infer<typeof AssetUsage>;

const AssetQuota = z
  .strictObject({
    quota_bytes: z
      .int()
      .min(0)
      .nullable()
      .meta({ description: 'How much it may store; null: as much as the installation lets everybody.' }),
  })
  .meta({ id: 'AssetQuota' });

const Identified = z.object({ id: z.string().max(64) });
const OneUsage = enveloped(z.object({ asset_usage: AssetUsage }));
const OneAsset = enveloped(z.object({ asset: Asset }));

/** Files of an organization. */
export const assetRoutes = {
  uploadAsset: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/assets',
    operation: 'assets.asset.create',
    summary: 'Upload asset',
    query: AssetUpload,
    isUpload: true,
    answers: { 201: { description: 'The asset.', schema: OneAsset } },
  }),
  listAssets: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/assets',
    operation: 'assets.asset.list',
    summary: 'List assets',
    query: PageQuery,
    answers: {
      200: { description: 'Assets, the newest first.', schema: enveloped(z.object({ assets: z.array(Asset) })) },
    },
  }),
  downloadAsset: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/assets/{id}',
    operation: 'assets.asset.download',
    summary: 'Download an asset',
    params: Identified,
    answersHead: true,
    answers: {
      200: { description: 'The content, as an attachment.', otherMedia: ['application/octet-stream'] },
      206: { description: 'The part that `Range` asks for.', otherMedia: ['application/octet-stream'] },
      304: { description: 'The content is that of `If-None-Match`.' },
    },
  }),
  getAsset: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/assets/{id}/metadata',
    operation: 'assets.asset.get',
    summary: 'What is known of an asset',
    params: Identified,
    answers: { 200: { description: 'The asset.', schema: OneAsset } },
  }),
  deleteAsset: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/assets/{id}',
    operation: 'assets.asset.delete',
    summary: 'Delete an asset',
    params: Identified,
    answers: { 200: { description: 'The asset as it was.', schema: OneAsset } },
  }),
  getAssetUsage: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/asset-usage',
    operation: 'assets.usage.get',
    organization: 'id',
    summary: 'How much an organization stores, and may',
    params: Identified,
    answers: { 200: { description: 'What is stored now, and the quota.', schema: OneUsage } },
  }),
  setAssetQuota: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/organizations/{id}/asset-usage',
    operation: 'assets.quota.set',
    summary: 'Set how much an organization may store, as an administrator of the installation',
    params: Identified,
    body: AssetQuota,
    answers: { 200: { description: 'What is stored now, and the quota.', schema: OneUsage } },
  }),
};
