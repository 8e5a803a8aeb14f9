import type { AssetId, OrganizationId } from '../../kernel/ids.ts';

/** A stored file as an organization sees it. `digest` is the SHA-256 of the content, in hex. */
export type Asset = {
  id: AssetId;
  orgId: OrganizationId;
  digest: string;
  sizeBytes: number;
  mediaType: string;
  filename: string;
  createdAt: Date;
};
