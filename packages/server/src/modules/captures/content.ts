import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { DataKeys, Place, SealedValue } from '../vault/index.ts';
import type { CapturedContent, CapturePolicy } from './model.ts';
import { redact, redactorsOf } from './redaction.ts';
import { fitted } from './size.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** A key of its own in each organization, for captured content and nothing else. */
export const contentPlace = (orgId: string, id: string): Place => ({
  orgId,
  purpose: 'captured_content',
  id,
  version: 1,
});

/** Content that is ready to be sealed. */
export type Prepared = { bytes: Buffer; redactions: number; isTruncated: boolean; sizeBytes: number };

/** Takes out what the policy says, and cuts what is too long. */
export async function prepareContent(content: CapturedContent, policy: CapturePolicy): Promise<Prepared> {
  const { value, found, isCut } = await redact(content, redactorsOf(policy), breather());
  const { value: cut, sizeBytes, isTruncated } = fitted(value);
  const bytes = await compress(JSON.stringify(isContent(cut) ? cut : { request: cut, answer: null, tries: null }));
  return { bytes, redactions: found, isTruncated: isCut || isTruncated, sizeBytes };
}

const isContent = (value: unknown): value is CapturedContent =>
  typeof value === 'object' && value !== null && 'request' in value;

export async function openContent(
  dataKeys: Pick<DataKeys, 'open'>,
  { orgId, id }: { orgId: string; id: string },
  sealed: SealedValue,
): Promise<CapturedContent> {
  const bytes = await expand(await dataKeys.open(contentPlace(orgId, id), sealed));
  return JSON.parse(bytes.toString('utf8')) as CapturedContent;
}

/** Longer than this at a stretch, and calls under way would notice. */
const STRETCH_MS = 3;

/** Lets others have their turn whenever a stretch of work is over. */
function breather(): () => Promise<void> | null {
  let until = performance.now() + STRETCH_MS;
  return () => {
    if (performance.now() < until) return null;
    return new Promise((resolve) =>
      setImmediate(() => {
        until = performance.now() + STRETCH_MS;
        resolve();
      }),
    );
  };
}
