import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { type AnchorPlace, bucketAnchor, fileAnchor, webhookAnchor } from '../modules/audit/index.ts';
import { readBucket } from './bucket.ts';

/**
 * The second places that checkpoints go to.
 * @throws Error when a webhook has no secret: nobody could tell our checkpoints from others
 */
export function anchorPlaces(config: Config): AnchorPlace[] {
  const { auditAnchorFile: file, auditAnchorBucket: bucket, auditAnchorWebhook: url } = config;
  const places: AnchorPlace[] = [];
  if (file !== null) places.push(fileAnchor(resolve(file)));
  if (bucket !== null) {
    const { auditAnchorEndpoint: endpoint, auditAnchorRegion: region } = config;
    places.push(bucketAnchor({ ...readBucket(bucket), endpoint, region }));
  }
  if (url !== null) {
    const secret = config.auditAnchorWebhookSecret?.reveal();
    if (secret === undefined) {
      throw new Error(
        'audit.anchor_webhook needs a secret that its receiver checks signatures with. Set ASSAY_AUDIT_ANCHOR_WEBHOOK_SECRET.',
      );
    }
    places.push(webhookAnchor({ url, secret: Buffer.from(secret.replace(/^whsec_/, ''), 'base64') }));
  }
  return places;
}
