import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { type JWTHeaderParameters, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { AccessTokens } from './access-tokens.ts';

const pair = () => ({ id: 'key-1', ...generateKeyPairSync('ed25519') });
const key = pair();
const tokens = new AccessTokens(key);
const claims = { userId: 'user', orgId: 'organization', loginId: 'login' };

/** A token like ours in all but what the test changes. */
const forge = (
  changes: {
    header?: Partial<JWTHeaderParameters>;
    payload?: Record<string, unknown>;
    signedBy?: ReturnType<typeof pair>;
  } = {},
): Promise<string> =>
  new SignJWT({
    org: claims.orgId,
    sid: claims.loginId,
    sub: claims.userId,
    iss: 'assay',
    aud: 'assay',
    exp: Math.floor(Date.now() / 1000) + 900,
    ...changes.payload,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.id, typ: 'at+jwt', ...changes.header })
    .sign((changes.signedBy ?? key).privateKey);

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
/** Rightly signed, with a header that no library of ours would write. */
const withHeader = (header: Record<string, unknown>): string => {
  const payload = {
    org: 'o',
    sid: 's',
    sub: 'u',
    iss: 'assay',
    aud: 'assay',
    exp: Math.floor(Date.now() / 1000) + 900,
  };
  const head = `${encode({ alg: 'EdDSA', kid: key.id, typ: 'at+jwt', ...header })}.${encode(payload)}`;
  return `${head}.${sign(null, Buffer.from(head), key.privateKey).toString('base64url')}`;
};

const invalid = { kind: 'unauthenticated', code: 'credential.invalid' };

describe('an access token', () => {
  test('says who, where and from which login, for fifteen minutes', async () => {
    const token = await tokens.sign(claims);
    expect(await tokens.verify(token)).toEqual(claims);
    const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(String(header))).toEqual({ alg: 'EdDSA', kid: 'key-1', typ: 'at+jwt' });
    const { iat, exp, jti } = JSON.parse(String(payload));
    expect(exp - iat).toBe(900);
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of a person in no organization says so', async () => {
    expect(await tokens.verify(await tokens.sign({ ...claims, orgId: null }))).toEqual({ ...claims, orgId: null });
  });

  test('is another each time', async () => {
    expect(await tokens.sign(claims)).not.toBe(await tokens.sign(claims));
  });

  test('made like ours is taken: the forgeries below fail for what they change', async () => {
    expect(await tokens.verify(await forge())).toEqual(claims);
    expect(await tokens.verify(withHeader({}))).toEqual({ userId: 'u', orgId: 'o', loginId: 's' });
  });

  test.each([
    ['signed by another key', () => forge({ signedBy: pair() })],
    ['of another issuer', () => forge({ payload: { iss: 'elsewhere' } })],
    ['of no issuer', () => forge({ payload: { iss: undefined } })],
    ['for another audience', () => forge({ payload: { aud: 'elsewhere' } })],
    ['of another type', () => forge({ header: { typ: 'JWT' } })],
    ['of no type', () => forge({ header: { typ: undefined as never } })],
    ['that is not yet valid', () => forge({ payload: { nbf: Math.floor(Date.now() / 1000) + 3_600 } })],
    ['without an end', () => forge({ payload: { exp: undefined } })],
    ['without a person', () => forge({ payload: { sub: undefined } })],
    ['without a login', () => forge({ payload: { sid: undefined } })],
    ['with a critical header that we do not know', async () => withHeader({ crit: ['x'], x: 1 })],
  ])('%s is refused', async (_name, make) => {
    await expect(tokens.verify(await make())).rejects.toMatchObject(invalid);
  });

  test('that has expired is refused as such', async () => {
    const expired = await forge({ payload: { exp: Math.floor(Date.now() / 1000) - 1 } });
    await expect(tokens.verify(expired)).rejects.toMatchObject({ kind: 'unauthenticated', code: 'credential.expired' });
  });

  test('without a signature is refused', async () => {
    const [, payload] = (await tokens.sign(claims)).split('.');
    for (const alg of ['none', 'None', 'NONE', 'EdDSA']) {
      const unsigned = `${encode({ alg, kid: key.id, typ: 'at+jwt' })}.${payload}.`;
      await expect(tokens.verify(unsigned), alg).rejects.toMatchObject(invalid);
    }
  });

  test('signed with our public key as if it were a shared secret is refused', async () => {
    const [, payload] = (await tokens.sign(claims)).split('.');
    const head = `${encode({ alg: 'HS256', kid: key.id, typ: 'at+jwt' })}.${payload}`;
    for (const format of ['der', 'pem'] as const) {
      const secret = key.publicKey.export({ format, type: 'spki' } as { format: 'pem'; type: 'spki' });
      const signature = createHmac('sha256', secret).update(head).digest('base64url');
      await expect(tokens.verify(`${head}.${signature}`)).rejects.toMatchObject(invalid);
    }
  });

  test('with any one character of it changed is refused', async () => {
    const token = await tokens.sign(claims);
    for (let place = 0; place < token.length; place++) {
      const typed = token[place] === 'A' ? 'B' : 'A';
      const altered = token.slice(0, place) + typed + token.slice(place + 1);
      // The last character of a part may carry bits that no byte is made of.
      if (sameBytes(token, altered)) continue;
      await expect(tokens.verify(altered), `character ${place}`).rejects.toMatchObject(invalid);
    }
  });

  test.each(['', 'a', 'a.b', 'a.b.c', '..', 'null', '{}', 'x'.repeat(100_000)])(
    'that is %s is refused',
    async (text) => {
      await expect(tokens.verify(text)).rejects.toMatchObject(invalid);
    },
  );
});

function sameBytes(one: string, other: string): boolean {
  const bytes = (token: string): string =>
    token
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('hex'))
      .join('.');
  return bytes(one) === bytes(other);
}
