import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { reprDigest, saidDigests } from './digest-headers.ts';

const [sha256, sha512] = [createHash('sha256').update('x').digest(), createHash('sha512').update('x').digest()];
const [short, long] = [sha256.toString('base64'), sha512.toString('base64')];

describe('a digest in a header', () => {
  test.each([
    [{ 'content-digest': `sha-256=:${short}:` }, [sha256]],
    [{ 'repr-digest': `sha-512=:${long}:, sha-256=:${short}:` }, [sha512, sha256]],
    [{ digest: `SHA-256=${short}` }, [sha256]],
    [{ digest: `md5=HUXZLQLMuI/KZ5KDcJPcOA==,sha-256=${short}` }, [sha256]],
    [{ 'content-digest': `sha-256=:${short}:`, digest: `sha-512=${long}` }, [sha256, sha512]],
    [{ 'content-digest': 'crc32c=:4waSgw==:' }, []],
    [{}, []],
  ])('%j is read', (headers, values) => {
    expect(saidDigests(headers).map(({ value }) => value)).toEqual(values);
  });

  test.each([
    { 'content-digest': `sha-256=${short}` },
    { 'content-digest': 'sha-256=:AAAA:' },
    { 'content-digest': `sha-256=:${long}:` },
    { 'content-digest': 'nonsense' },
    { 'repr-digest': '=:AAAA:' },
    { digest: `sha-256=:${short}:` },
    { digest: 'sha-256=' },
    { digest: 'x'.repeat(3_000) },
  ])('%j is refused, and not passed over', (headers) => {
    expect(() => saidDigests(headers)).toThrow(/must be like/);
  });

  test('is said of what is sent', () => {
    expect(reprDigest(sha256.toString('hex'))).toBe(`sha-256=:${short}:`);
  });
});
