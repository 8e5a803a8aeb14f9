import type { IncomingHttpHeaders } from 'node:http';
import { invalidFields } from './surface.ts';

export type SaidDigest = { algorithm: 'sha256' | 'sha512'; value: Buffer };

/** Where a digest of the body may be said: `Content-Digest` and `Repr-Digest` (RFC 9530), and their ancestor (RFC 3230). */
const HEADERS = ['Content-Digest', 'Repr-Digest', 'Digest'] as const;
const ALGORITHMS = { 'sha-256': ['sha256', 32], 'sha-512': ['sha512', 64] } as const;
const MOST_CHARACTERS = 2_000;

/**
 * The digests of the body that a request's headers state, in algorithms that we know; of others nothing is checked.
 * @throws AppError `invalid` for one of ours that cannot be a digest
 */
export function saidDigests(headers: IncomingHttpHeaders): SaidDigest[] {
  return HEADERS.flatMap((name) => {
    const said = headers[name.toLowerCase()];
    const text = Array.isArray(said) ? said.join(',') : (said ?? '');
    if (text.length > MOST_CHARACTERS) throw refused(name);
    return text
      .split(',')
      .filter((item) => item.trim() !== '')
      .flatMap((item) => readDigest(item, name));
  });
}

function readDigest(item: string, name: string): SaidDigest[] {
  const [, algorithm = '', value = ''] = /^\s*([\w-]+)=(.*?)\s*$/.exec(item) ?? [];
  const known = ALGORITHMS[algorithm.toLowerCase() as keyof typeof ALGORITHMS];
  if (known === undefined) {
    if (algorithm === '') throw refused(name);
    return [];
  }
  const [hash, length] = known;
  const [, base64 = ''] = (name === 'Digest' ? /^([\w+/]+={0,2})$/ : /^:([\w+/]+={0,2}):$/).exec(value) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== length) throw refused(name);
  return [{ algorithm: hash, value: bytes }];
}

const refused = (name: string) =>
  invalidFields([
    {
      field: name,
      constraint: 'digest',
      message: `${name} must be like ${name === 'Digest' ? 'sha-256=base64' : 'sha-256=:base64:'}, of the right length`,
    },
  ]);

/** `Repr-Digest` of a content whose SHA-256 is known, in hex. */
export const reprDigest = (sha256: string): string => `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
