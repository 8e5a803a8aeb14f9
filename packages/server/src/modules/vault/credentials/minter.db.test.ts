import { afterEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { CLIENT_SECRET, type Issuer, startIssuer } from '../../../../test/fakes/issuer.ts';
import { aPerson } from '../../../../test/people.ts';
import { until } from '../../../../test/until.ts';
import { keyShelf, openVault } from '../../../../test/vault.ts';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { AddressRules, HttpClient } from '../../../platform/http-client/index.ts';
import { IssuerClient } from '../oauth/issuer-client.ts';
import { Minter } from './minter.ts';
import {
  type Credential,
  type CredentialConfig,
  type CredentialKind,
  type CredentialSecret,
  credentialPlace,
} from './model.ts';
import * as store from './store.ts';
import { Credentials } from './use.ts';

const db = testDatabase();
const shelf = keyShelf();
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

type Node = { credentials: Credentials; minter: Minter; recorded: string[]; issuers: IssuerClient };

/** One process with the vault; `opened` are the networks that it may call beside the public ones. */
async function node(opened: readonly string[] = ['loopback']): Promise<Node> {
  const { dataKeys } = await openVault(db, shelf);
  const http = new HttpClient({ rules: new AddressRules(opened) });
  open.push(http);
  const recorded: string[] = [];
  const statements = <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => db.app.statements({ orgId }, work);
  const transaction = <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => db.app.transaction({ orgId }, work);
  const issuers = new IssuerClient(http);
  const minter = new Minter({
    dataKeys,
    issuers,
    statements,
    transaction,
    recorded: (_tx, _credential, { action, outcome }) => recorded.push(`${action} ${outcome}`),
  });
  return { credentials: new Credentials({ minter, statements }), minter, recorded, issuers };
}

async function anIssuer(options: Parameters<typeof startIssuer>[0] = {}): Promise<Issuer> {
  const started = await startIssuer(options);
  open.push(started);
  return started;
}

type Seed = {
  orgId?: string;
  userId?: string | null;
  name?: string;
  kind: CredentialKind;
  config?: CredentialConfig;
  secret: CredentialSecret;
  scopes?: readonly string[];
  allowUserOverride?: boolean;
};

async function aCredential(seed: Seed): Promise<Credential> {
  const { dataKeys } = await openVault(db, shelf);
  const orgId = seed.orgId ?? (await db.organization());
  const id = newId();
  const sealed = await dataKeys.seal(credentialPlace({ orgId, id }, 1), Buffer.from(JSON.stringify(seed.secret)));
  const { kind, name = 'a-credential', config = {}, scopes = [], userId = null, allowUserOverride = false } = seed;
  const row = { orgId, id, name, kind, provider: null, userId, status: 'active' as const, allowUserOverride };
  return db.app.transaction({ orgId }, (tx) =>
    store.insertCredential(tx, { ...row, scopes, config, createdBy: null, sealed }),
  );
}

const aMachine = ({ url }: Issuer): Promise<Credential> =>
  aCredential({
    kind: 'oauth2_client_credentials',
    config: { client_id: 'machine', token_endpoint: `${url}/token` },
    secret: { client_secret: CLIENT_SECRET },
  });

const statusOf = async ({ orgId, id }: Credential) =>
  (await db.app.statements({ orgId }, (tx) => store.findCredential(tx, orgId, id))) as Credential;
const age = async ({ id }: Credential, set: string): Promise<void> => {
  await db.owner.query(`update credential_tokens set ${set} where credential_id = $1`, [id]);
};
/** The code of the refusal; `sent` when there is none. */
const codeOf = (sent: Promise<unknown>): Promise<string> =>
  sent.then(
    () => 'sent',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

describe('what is sent', () => {
  test.each([
    [
      { kind: 'api_key', secret: { api_key: 'k' } },
      { headers: { authorization: 'Bearer k' }, query: {} },
    ],
    [
      { kind: 'api_key', config: { header: 'X-API-Key' }, secret: { api_key: 'k' } },
      { headers: { 'x-api-key': 'k' }, query: {} },
    ],
    [
      { kind: 'api_key', config: { prefix: 'Token token=' }, secret: { api_key: 'k' } },
      { headers: { authorization: 'Token token=k' }, query: {} },
    ],
    [
      { kind: 'query_api_key', config: { parameter: 'key' }, secret: { api_key: 'k' } },
      { headers: {}, query: { key: 'k' } },
    ],
    [
      { kind: 'basic_auth', secret: { username: 'Aladdin', password: 'open sesame' } },
      { headers: { authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' }, query: {} },
    ],
  ] as [Seed, object][])('for %j is as it says', async (seed, expected) => {
    const { credentials } = await node();
    expect(await credentials.authorizationFor(await aCredential(seed))).toEqual(expected);
  });

  test('with a secret of a client is a token that its issuer gave, and the kept one from then on', async () => {
    const [issuer, { credentials, recorded }] = [await anIssuer(), await node()];
    const credential = await aMachine(issuer);
    const sent = await credentials.authorizationFor(credential);
    expect(sent.headers['authorization']).toMatch(/^Bearer \S{20,}$/);
    expect(await credentials.authorizationFor(credential)).toEqual(sent);
    expect(await (await node()).credentials.authorizationFor(credential)).toEqual(sent);
    expect(issuer.grants).toEqual(['client_credentials']);
    expect(recorded).toEqual(['credential.minted ok']);
    expect(await statusOf(credential)).toMatchObject({ lastMintedStatus: 'ok', lastMintedAt: expect.any(Date) });
  });

  test('with an assertion of a client, or found through the issuer, is a token as well', async () => {
    const [issuer, { credentials }] = [await anIssuer(), await node()];
    const signed = await aCredential({
      kind: 'oauth2_client_assertion',
      config: { client_id: 'signer', issuer: issuer.url, key_id: 'client-key' },
      secret: { private_key: issuer.privateKey },
    });
    expect((await credentials.authorizationFor(signed)).headers['authorization']).toMatch(/^Bearer /);
    expect(issuer.grants).toEqual(['client_credentials']);
  });

  test('with a signed statement is a token; it names a subject where the kind has one, each its own', async () => {
    const [issuer, { credentials }] = [await anIssuer(), await node()];
    const config = { assertion_issuer: 'robot@assay', token_endpoint: `${issuer.url}/token`, client_id: 'bearer' };
    const secret = { private_key: issuer.privateKey, client_secret: CLIENT_SECRET };
    const plain = await aCredential({ kind: 'oauth2_jwt_bearer', config, secret, scopes: ['read'] });
    await credentials.authorizationFor(plain);
    expect(issuer.assertion).toMatchObject({ iss: 'robot@assay', aud: `${issuer.url}/token`, scope: 'read' });
    expect(issuer.assertion).not.toHaveProperty('sub');
    const acting = await aCredential({ kind: 'oauth2_jwt_bearer_with_subject', config, secret });
    expect(await codeOf(credentials.authorizationFor(acting))).toBe('credential.subject_missing');
    const forAnn = await credentials.authorizationFor(acting, { subject: 'ann@x' });
    expect(issuer.assertion).toMatchObject({ sub: 'ann@x' });
    expect(await credentials.authorizationFor(acting, { subject: 'bob@x' })).not.toEqual(forAnn);
    expect(await credentials.authorizationFor(acting, { subject: 'ann@x' })).toEqual(forAnn);
    expect(issuer.grants).toHaveLength(3);
  });
});

describe('a token', () => {
  test('is got once, however many need it in however many processes', async () => {
    const issuer = await anIssuer();
    issuer.delayMs = 150;
    const nodes = await Promise.all([node(), node(), node()]);
    const credential = await aMachine(issuer);
    const sent = await Promise.all(
      Array.from({ length: 30 }, (_, index) => (nodes[index % 3] as Node).credentials.authorizationFor(credential)),
    );
    expect(new Set(sent.map(({ headers }) => headers['authorization'])).size).toBe(1);
    expect(issuer.grants).toEqual(['client_credentials']);
  });

  test('is replaced before its end, by one, while the others go on with the one that still works', async () => {
    const [issuer, here, there] = [await anIssuer(), await node(), await node()];
    const credential = await aMachine(issuer);
    const first = await here.credentials.authorizationFor(credential);
    await age(credential, 'refresh_at = now()');
    issuer.delayMs = 300;
    const replacing = here.credentials.authorizationFor(credential);
    await until('the issuer is asked', async () => (await leasesOf(credential)) > 0);
    expect(await there.credentials.authorizationFor(credential)).toEqual(first);
    expect(await replacing).not.toEqual(first);
    expect(issuer.grants).toHaveLength(2);
  });

  test('is sealed in the database, under keys of its organization', async () => {
    const [issuer, { credentials }] = [await anIssuer(), await node()];
    const credential = await aMachine(issuer);
    const { headers } = await credentials.authorizationFor(credential);
    const token = String(headers['authorization']).slice('Bearer '.length);
    const { rows } = await db.owner.query<{ row: string }>(
      'select t::text as row from credential_tokens t union all select c::text from credentials c',
    );
    const all = rows.map(({ row }) => row).join();
    for (const secret of [token, CLIENT_SECRET])
      for (const form of [secret, Buffer.from(secret).toString('hex')]) expect(all).not.toContain(form);
  });

  test('that the far side refuses is replaced, and one that has been replaced already is not', async () => {
    const [issuer, { credentials }] = [await anIssuer(), await node()];
    const credential = await aMachine(issuer);
    const first = await credentials.authorizationFor(credential);
    await credentials.rejected(credential, first);
    const second = await credentials.authorizationFor(credential);
    expect(second).not.toEqual(first);
    await credentials.rejected(credential, first);
    expect(await credentials.authorizationFor(credential)).toEqual(second);
  });
});

const leasesOf = async ({ id }: Credential): Promise<number> =>
  (await db.owner.query('select 1 from credential_tokens where credential_id = $1 and lease_id is not null', [id])).rows
    .length;

describe('an issuer', () => {
  test('that is down is left alone for a while, and the token that still works is used', async () => {
    const [issuer, { credentials, recorded }] = [await anIssuer(), await node()];
    const credential = await aMachine(issuer);
    issuer.outage = 503;
    expect(await codeOf(credentials.authorizationFor(credential))).toBe('credential.issuer_unavailable');
    issuer.outage = null;
    expect(await codeOf(credentials.authorizationFor(credential))).toBe('credential.issuer_unavailable');
    expect(issuer.grants).toEqual([]);
    expect(await statusOf(credential)).toMatchObject({ status: 'active', lastMintedStatus: expect.any(String) });
    await age(credential, 'retry_at = now()');
    const first = await credentials.authorizationFor(credential);
    await age(credential, 'refresh_at = now()');
    issuer.outage = 500;
    expect(await credentials.authorizationFor(credential)).toEqual(first);
    expect(recorded).toEqual(['credential.minted ok']);
  });

  test('that refuses makes the credential failed, until it accepts it again', async () => {
    const [issuer, { credentials, recorded }] = [await anIssuer(), await node()];
    const config = { client_id: 'machine', token_endpoint: `${issuer.url}/token` };
    const credential = await aCredential({
      kind: 'oauth2_client_credentials',
      config,
      secret: { client_secret: 'wrong' },
    });
    expect(await codeOf(credentials.authorizationFor(credential))).toBe('credential.failed');
    expect(await statusOf(credential)).toMatchObject({ status: 'failed', lastMintedStatus: 'invalid_client' });
    expect(recorded).toEqual(['credential.failed invalid_client']);
    const { dataKeys } = await openVault(db, shelf);
    const place = credentialPlace(credential, 2);
    const sealed = await dataKeys.seal(place, Buffer.from(JSON.stringify({ client_secret: CLIENT_SECRET })));
    await db.app.transaction({ orgId: credential.orgId }, (tx) =>
      store.replaceCredentialSecret(tx, credential, sealed),
    );
    await age(credential, 'retry_at = now()');
    expect(await codeOf(credentials.authorizationFor(await statusOf(credential)))).toBe('sent');
    expect(await statusOf(credential)).toMatchObject({ status: 'active' });
  });

  test.each([
    ['inside the network', 'https://127.0.0.1/token', 'credential.failed'],
    ['the metadata of the cloud', 'https://169.254.169.254/token', 'credential.failed'],
    ['nowhere', 'https://issuer.invalid/token', 'credential.issuer_unavailable'],
  ])('at an address %s is not asked', async (_name, token_endpoint, code) => {
    const { credentials } = await node([]);
    const config = { client_id: 'machine', token_endpoint };
    const credential = await aCredential({
      kind: 'oauth2_client_credentials',
      config,
      secret: { client_secret: 'a-canary' },
    });
    expect(await codeOf(credentials.authorizationFor(credential))).toBe(code);
  });

  test('is asked again when the process that asked is gone', async () => {
    const [issuer, { credentials }] = [await anIssuer(), await node()];
    const credential = await aMachine(issuer);
    await db.owner.query(
      `insert into credential_tokens (org_id, credential_id, subject, lease_id, leased_until)
       values ($1, $2, '', $3, now() - interval '1 second')`,
      [credential.orgId, credential.id, newId()],
    );
    expect(await codeOf(credentials.authorizationFor(credential))).toBe('sent');
  });
});

describe('a refresh token', () => {
  async function authorized(issuer: Issuer, { minter, issuers }: Node): Promise<Credential> {
    const config = { client_id: 'secretive', issuer: issuer.url };
    const secret = { client_secret: CLIENT_SECRET };
    const credential = await aCredential({
      kind: 'oauth2_authorization_code',
      config,
      secret,
      scopes: ['openid', 'offline_access'],
    });
    const checks = { state: 'a-state', verifier: 'v'.repeat(43) };
    const redirectUri = 'http://127.0.0.1/v1/oauth/callback';
    const url = await issuers.authorizationUrl({ ...credential, secret }, { redirectUri, ...checks });
    const minted = await issuers.redeem({ ...credential, secret }, await issuer.visit(url.href), checks);
    const sealed = await minter.sealRefreshed(credential, secret, minted);
    if (!sealed) throw new Error('The issuer gave no refresh token.');
    await db.app.transaction({ orgId: credential.orgId }, (tx) =>
      store.replaceCredentialSecret(tx, credential, sealed),
    );
    return statusOf(credential);
  }

  test('that is good once is used once at a time, and the next one is kept', async () => {
    const [issuer, ...nodes] = [await anIssuer(), await node(), await node()] as const;
    const credential = await authorized(issuer, nodes[0]);
    for (let round = 0; round < 3; round++) {
      const sent = await Promise.all(
        Array.from({ length: 10 }, (_, index) => (nodes[index % 2] as Node).credentials.authorizationFor(credential)),
      );
      expect(new Set(sent.map(({ headers }) => headers['authorization'])).size).toBe(1);
      await age(credential, 'refresh_at = now(), expires_at = now()');
    }
    expect(issuer.grants).toEqual(['authorization_code', 'refresh_token', 'refresh_token', 'refresh_token']);
  });

  test('that is refused asks for the person, and says so once', async () => {
    const [issuer, here] = [await anIssuer(), await node()];
    const credential = await authorized(issuer, here);
    issuer.forget();
    expect(await codeOf(here.credentials.authorizationFor(credential))).toBe('credential.needs_reauth');
    const after = await statusOf(credential);
    expect(after).toMatchObject({ status: 'needs_reauth', lastMintedStatus: 'invalid_grant' });
    expect(await codeOf(here.credentials.authorizationFor(after))).toBe('credential.needs_reauth');
    expect(here.recorded).toEqual(['credential.needs_reauth invalid_grant']);
  });
});

describe('a name', () => {
  test("stands for the organization's credential, or for one's own where that may take its place", async () => {
    const { credentials } = await node();
    const { orgId, userId } = await aPerson(db);
    const seed = { orgId, kind: 'api_key' as const, secret: { api_key: 'k' } };
    const open = await aCredential({ ...seed, name: 'open', allowUserOverride: true });
    const closed = await aCredential({ ...seed, name: 'closed' });
    const mine = await aCredential({ ...seed, name: 'open', userId });
    await aCredential({ ...seed, name: 'closed', userId });
    const alone = await aCredential({ ...seed, name: 'alone', userId });
    const idOf = async (name: string, who: string | null): Promise<string> =>
      (await credentials.resolve({ orgId, name, userId: who })).id;
    expect(await idOf('open', userId)).toBe(mine.id);
    expect(await idOf('open', null)).toBe(open.id);
    expect(await idOf('open', newId())).toBe(open.id);
    expect(await idOf('closed', userId)).toBe(closed.id);
    expect(await idOf('alone', userId)).toBe(alone.id);
    for (const who of [null, newId()]) expect(await codeOf(idOf('alone', who))).toBe('credential.unknown');
    expect(await codeOf(idOf('nothing', userId))).toBe('credential.unknown');
  });

  test('is not resolved in another organization, and what is personal goes with the person', async () => {
    const { credentials } = await node();
    const { orgId, userId } = await aPerson(db);
    await aCredential({ orgId, kind: 'api_key', name: 'mine', userId, secret: { api_key: 'k' } });
    const other = await db.organization();
    expect(await codeOf(credentials.resolve({ orgId: other, name: 'mine', userId }))).toBe('credential.unknown');
    await db.owner.query('delete from memberships where org_id = $1 and user_id = $2', [orgId, userId]);
    expect(await codeOf(credentials.resolve({ orgId, name: 'mine', userId }))).toBe('credential.unknown');
  });
});
