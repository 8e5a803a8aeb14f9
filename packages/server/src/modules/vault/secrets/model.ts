import type { Place } from '../keys/model.ts';

/** What is known of a secret; its value goes in, and comes out only to what uses it. */
export type Secret = {
  orgId: string;
  id: string;
  name: string;
  description: string;
  version: number;
  createdBy: string | null;
  createdAt: Date;
  updatedAt: Date;
  lastUsedAt: Date | null;
};

/** One value that a secret had. */
export type SecretVersion = {
  version: number;
  encoding: 'text' | 'base64';
  sizeBytes: number;
  createdBy: string | null;
  createdAt: Date;
  /** False once the value was thrown away for its age. */
  isKept: boolean;
};

/** A value in bytes, and how it was given. */
export type SecretValue = { encoding: SecretVersion['encoding']; bytes: Buffer };

export const MOST_BYTES = 64 * 1024;
/** Values kept of a secret: enough to go back to, and no archive of what should be forgotten. */
export const KEPT_VERSIONS = 10;

export const placeOf = (orgId: string, secretId: string, version: number): Place => ({
  orgId,
  purpose: 'secrets',
  id: secretId,
  version,
});

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Reads a value as it was sent; null when it is empty, too large, or not in the encoding that it claims. */
export function readValue(text: string, encoding: SecretVersion['encoding']): SecretValue | null {
  if (encoding === 'base64' && !BASE64.test(text)) return null;
  const bytes = Buffer.from(text, encoding === 'base64' ? 'base64' : 'utf8');
  return bytes.length > 0 && bytes.length <= MOST_BYTES ? { encoding, bytes } : null;
}
