import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { CLIENT_SECRET, type Issuer, startIssuer } from '../../../test/fakes/issuer.ts';
import { aKey, aPerson, type Person } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { ROLE_SCOPES } from '../../modules/access/index.ts';
import { moveToNewestKeys } from '../../modules/vault/index.ts';

const db = testDatabase();
let api: ServedApi;
let issuer: Issuer;
beforeAll(async () => {
  api = await servedApi(db, ['--outbound-networks', 'loopback']);
  issuer = await startIssuer({ callback: `${api.app.url}/v1/oauth/callback` });
});
afterAll(async () => {
  await issuer[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

type Caller = Person & { key: string };

/** A member with a key that holds all that the role does. */
async function aMember(role: 'developer' | 'operator' | 'owner', orgId?: string): Promise<Caller> {
  const person = await aPerson(db, { role, ...(orgId === undefined ? {} : { orgId }) });
  const { raw } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes: [...ROLE_SCOPES[role]] });
  return { ...person, key: raw };
}

type Body = {
  data: Record<string, Record<string, unknown>> & { credentials: { id: string }[] };
  error: { code: string };
};
const bodyOf = ({ body }: Answer): Body => body as Body;
const codeOf = (answer: Answer): string => `${answer.status} ${bodyOf(answer).error?.code ?? ''}`.trim();

describe('a secret', () => {
  const canary = 'a-value-that-nobody-sees';

  test('goes in, is listed by its name, and its value is in no answer', async () => {
    const { key } = await aMember('operator');
    const ask = (line: string, body?: unknown): Promise<Answer> => api.ask(line, { key, body });
    const made = await ask('POST /v1/secrets', { name: 'db-password', value: canary, description: 'Of the database.' });
    expect(made.status).toBe(201);
    expect(made.headers.get('etag')).toBe('"1"');
    const replaced = await ask('PUT /v1/secrets/db-password', { value: btoa(`${canary}-2`), encoding: 'base64' });
    expect(bodyOf(replaced).data['secret']).toMatchObject({
      name: 'db-password',
      version: 2,
      description: 'Of the database.',
    });
    const versions = await ask('GET /v1/secrets/db-password/versions?limit=1');
    expect(bodyOf(versions).data['versions']).toEqual([
      expect.objectContaining({ version: 2, encoding: 'base64', size_bytes: canary.length + 2, is_kept: true }),
    ]);
    const { links } = versions.body as { links: { next: string } };
    const rest = await ask(`GET ${links.next}`);
    expect(bodyOf(rest).data['versions']).toEqual([expect.objectContaining({ version: 1, encoding: 'text' })]);
    const shown = await Promise.all([ask('GET /v1/secrets'), ask('GET /v1/secrets/db-password')]);
    for (const answer of [made, replaced, versions, rest, ...shown]) {
      expect(answer.status).toBeLessThan(300);
      expect(answer.text).not.toContain(canary);
      expect(answer.text).not.toContain(btoa(canary).slice(0, 20));
    }
    expect((await ask('DELETE /v1/secrets/db-password')).status).toBe(200);
    expect(codeOf(await ask('GET /v1/secrets/db-password'))).toBe('404 not_found');
  });

  test('is read by what uses it in this process, which is written down', async () => {
    const { key, orgId } = await aMember('operator');
    await api.ask('POST /v1/secrets', { key, body: { name: 'used', value: canary } });
    const { database, vault } = api.app.core;
    const use = { actor: { kind: 'api_key', id: 'a-key' }, reason: 'a test' };
    const value = await database.transaction({ orgId }, (tx) => vault.secrets.read(tx, { orgId, name: 'used' }, use));
    expect([String(value), value.reveal().toString()]).toEqual(['[secret]', canary]);
    const leaves = await db.owner.query<{ leaf: string }>(
      `select to_jsonb(l)::text as leaf from audit_leaves l where org_id = $1 and action = 'secret.used'`,
      [orgId],
    );
    expect(leaves.rows).toHaveLength(1);
    expect(leaves.rows[0]?.leaf).toContain('"used"');
    expect(leaves.rows[0]?.leaf).not.toContain(canary);
    expect(bodyOf(await api.ask('GET /v1/secrets/used', { key })).data['secret']?.['last_used_at']).not.toBeNull();
  });

  test('keeps ten values, and of older ones only that they were', async () => {
    const { key } = await aMember('operator');
    await api.ask('POST /v1/secrets', { key, body: { name: 'often', value: '1' } });
    for (let version = 2; version <= 12; version++)
      await api.ask('PUT /v1/secrets/often', { key, body: { value: String(version) } });
    const { data } = bodyOf(await api.ask('GET /v1/secrets/often/versions', { key }));
    const kept = (data['versions'] as unknown as { version: number; is_kept: boolean }[]).filter(
      ({ is_kept: is }) => is,
    );
    expect(kept.map(({ version }) => version)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  });

  test('is replaced and deleted only at the version that its caller has seen', async () => {
    const { key } = await aMember('operator');
    await api.ask('POST /v1/secrets', { key, body: { name: 'watched', value: 'a' } });
    const stale = { key, headers: { 'if-match': '"7"' } };
    const fresh = { key, headers: { 'if-match': '"1"' } };
    const body = { value: 'b' };
    expect(codeOf(await api.ask('PUT /v1/secrets/watched', { ...stale, body }))).toMatch(/^412/);
    expect(codeOf(await api.ask('DELETE /v1/secrets/watched', stale))).toMatch(/^412/);
    expect((await api.ask('PUT /v1/secrets/watched', { ...fresh, body })).status).toBe(200);
  });

  test.each([
    [{ name: 'x', value: '' }, 400],
    [{ name: 'x', value: 'é'.repeat(32_769) }, 400],
    [{ name: 'x', value: 'not base64!', encoding: 'base64' }, 400],
    [{ name: 'x', value: 'YWI', encoding: 'base64' }, 400],
    [{ name: 'Upper', value: 'a' }, 400],
    [{ name: '../x', value: 'a' }, 400],
    [{ name: 'x' }, 400],
    [{ name: 'x', value: 'a', more: 1 }, 400],
    [{ name: 'x', value: 'x'.repeat(65_536) }, 201],
  ])('as %j is answered with %i', async (body, status) => {
    const { key } = await aMember('operator');
    expect((await api.ask('POST /v1/secrets', { key, body })).status).toBe(status);
  });

  test('is not for those who may only look, and not twice of one name', async () => {
    const [developer, operator] = [await aMember('developer'), await aMember('operator')];
    const body = { name: 'x', value: 'a' };
    expect(codeOf(await api.ask('POST /v1/secrets', { key: developer.key, body }))).toBe('403 permission_denied');
    expect((await api.ask('POST /v1/secrets', { key: operator.key, body })).status).toBe(201);
    expect(codeOf(await api.ask('POST /v1/secrets', { key: operator.key, body }))).toBe('409 name_taken');
  });
});

describe('a credential', () => {
  const anApiKey = { kind: 'api_key', secret: { api_key: 'a-canary-in-a-credential' } };

  test("of a person is nobody else's business; operators see all, and what is the organization's all see", async () => {
    const owner = await aMember('owner');
    const [ann, bob] = [await aMember('developer', owner.orgId), await aMember('developer', owner.orgId)];
    const make = async (key: string, body: object): Promise<string> => {
      const answer = await api.ask('POST /v1/credentials', { key, body });
      expect([answer.status, answer.text.includes('a-canary')]).toEqual([201, false]);
      return String(bodyOf(answer).data['credential']?.['id']);
    };
    const shared = await make(owner.key, { ...anApiKey, name: 'shared' });
    const anns = await make(ann.key, { ...anApiKey, name: 'anns', personal: true });
    const seenBy = async ({ key }: Caller): Promise<string[]> =>
      bodyOf(await api.ask('GET /v1/credentials', { key })).data.credentials.map(({ id }) => id);
    expect(await seenBy(ann)).toEqual([anns, shared]);
    expect(await seenBy(bob)).toEqual([shared]);
    expect(await seenBy(owner)).toEqual([anns, shared]);
    for (const line of [
      `GET /v1/credentials/${anns}`,
      `DELETE /v1/credentials/${anns}`,
      `POST /v1/credentials/${anns}/oauth/start`,
    ])
      expect(codeOf(await api.ask(line, { key: bob.key, ...(line.startsWith('POST') ? { body: {} } : {}) }))).toBe(
        '404 not_found',
      );
    expect(codeOf(await api.ask(`DELETE /v1/credentials/${shared}`, { key: ann.key }))).toBe('403 forbidden');
    const own = await api.ask('POST /v1/credentials', { key: ann.key, body: { ...anApiKey, name: 'not-mine' } });
    expect(codeOf(own)).toBe('403 forbidden');
    const gone = await api.ask(`DELETE /v1/credentials/${anns}`, { key: ann.key });
    expect(bodyOf(gone).data['credential']).toMatchObject({ status: 'revoked', durable_ref: `credential:${anns}` });
    const { rows } = await db.owner.query('select sealed from credentials where id = $1', [anns]);
    expect(rows).toEqual([{ sealed: null }]);
    // Its name is free again.
    await make(ann.key, { ...anApiKey, name: 'anns', personal: true });
  });

  test.each([
    [{ kind: 'api_key', secret: {} }, 'secret.api_key'],
    [{ kind: 'api_key', secret: { api_key: 'a\nb' } }, 'secret.api_key'],
    [{ ...anApiKey, provider_config: { header: 'Host' } }, 'provider_config.header'],
    [{ ...anApiKey, provider_config: { header: 'a b' } }, 'provider_config.header'],
    [{ ...anApiKey, provider_config: { client_id: 'x' } }, 'provider_config.client_id'],
    [{ kind: 'query_api_key', secret: { api_key: 'k' } }, 'provider_config.parameter'],
    [{ kind: 'basic_auth', secret: { username: 'a:b', password: 'c' } }, 'secret.username'],
    [
      { kind: 'oauth2_client_credentials', provider_config: { client_id: 'x' }, secret: { client_secret: 'y' } },
      'provider_config.token_endpoint',
    ],
    [
      {
        kind: 'oauth2_jwt_bearer',
        provider_config: { assertion_issuer: 'x', token_endpoint: 'https://x.example' },
        secret: { private_key: 'not a key' },
      },
      'secret.private_key',
    ],
    [
      {
        kind: 'oauth2_client_credentials',
        provider_config: { client_id: 'x', token_endpoint: 'ftp://x' },
        secret: { client_secret: 'y' },
      },
      'provider_config.token_endpoint',
    ],
    [{ ...anApiKey, personal: true, allow_user_override: true }, 'allow_user_override'],
  ])('as %j is refused for its field', async (fields, field) => {
    const { key } = await aMember('operator');
    const answer = await api.ask('POST /v1/credentials', { key, body: { name: 'wrong', ...fields } });
    expect(answer.status).toBe(400);
    const { error } = answer.body as { error: { details: { fields: { field: string }[] } } };
    expect(error.details.fields.map((fault) => fault.field)).toContain(field);
  });

  test.each([
    'https://169.254.169.254/token',
    'https://10.0.0.1/token',
    'https://[::ffff:10.0.0.1]/token',
    'https://0xa000001/token',
  ])('with the endpoint %s is refused', async (token_endpoint) => {
    const { key } = await aMember('operator');
    const body = {
      name: 'x',
      kind: 'oauth2_client_credentials',
      provider_config: { client_id: 'x', token_endpoint },
      secret: { client_secret: 'y' },
    };
    expect(codeOf(await api.ask('POST /v1/credentials', { key, body }))).toBe('400 destination_refused');
  });
});

describe('letting a credential in', () => {
  const body = (name: string, more: object = {}): object => ({
    name,
    kind: 'oauth2_authorization_code',
    scopes: ['openid', 'offline_access'],
    provider_config: { client_id: 'secretive', issuer: issuer.url },
    secret: { client_secret: CLIENT_SECRET },
    ...more,
  });

  async function started(caller: Caller, fields: object, start: object = {}): Promise<{ id: string; back: URL }> {
    const made = await api.ask('POST /v1/credentials', { key: caller.key, body: fields });
    const credential = bodyOf(made).data['credential'];
    expect(credential).toMatchObject({ status: 'needs_reauth' });
    const id = String(credential?.['id']);
    const answer = await api.ask(`POST /v1/credentials/${id}/oauth/start`, { key: caller.key, body: start });
    expect(answer.status).toBe(200);
    const url = String(bodyOf(answer).data['auth_url']);
    expect(new URL(url).searchParams.get('code_challenge_method')).toBe('S256');
    return { id, back: await issuer.visit(url) };
  }
  const comeBack = (url: URL, { key }: Pick<Caller, 'key'>): Promise<Answer> =>
    api.ask(`GET ${url.pathname}${url.search}`, { key });

  test('makes it usable, once, for the person who began it', async () => {
    const caller = await aMember('operator');
    const { id, back } = await started(caller, body('by-code'));
    const answer = await comeBack(back, caller);
    expect(bodyOf(answer).data['credential']).toMatchObject({ id, status: 'active', last_minted_status: 'ok' });
    expect(answer.text).not.toContain(back.searchParams.get('code'));
    const { vault } = api.app.core;
    const credential = await vault.credentials.resolve({ orgId: caller.orgId, name: 'by-code', userId: null });
    const { headers } = await vault.credentials.authorizationFor(credential);
    expect(headers['authorization']).toMatch(/^Bearer /);
    expect(codeOf(await comeBack(back, caller))).toBe('400 oauth_state_invalid');
    await db.owner.query(
      'update credential_tokens set refresh_at = now(), expires_at = now() where credential_id = $1',
      [id],
    );
    expect(await vault.credentials.authorizationFor(credential)).not.toEqual({ headers, query: {} });
  });

  test('leads back to where it began, on this installation only', async () => {
    const caller = await aMember('operator');
    const { back } = await started(caller, body('leads'), { return_to: '/settings/credentials?tab=1' });
    const answer = await fetch(`${api.app.url}${back.pathname}${back.search}`, {
      headers: { 'x-api-key': caller.key },
      redirect: 'manual',
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/settings/credentials?tab=1']);
    const again = await api.ask('POST /v1/credentials', { key: caller.key, body: body('elsewhere') });
    const line = `POST /v1/credentials/${bodyOf(again).data['credential']?.['id']}/oauth/start`;
    for (const to of ['//evil.example', 'https://evil.example', '/\\evil.example', 'settings', '/a\nb'])
      expect((await api.ask(line, { key: caller.key, body: { return_to: to } })).status).toBe(400);
  });

  test('is refused to another person, who cannot try again either', async () => {
    const caller = await aMember('operator');
    const other = await aMember('operator', caller.orgId);
    const { back } = await started(caller, body('stolen'));
    expect(codeOf(await comeBack(back, other))).toBe('400 oauth_state_invalid');
    expect(codeOf(await comeBack(back, caller))).toBe('400 oauth_state_invalid');
    expect((await api.ask(`GET ${back.pathname}${back.search}`)).status).toBe(401);
  });

  test('is refused when its time is over, when it is made up, and when the issuer says no', async () => {
    const caller = await aMember('operator');
    const { id, back } = await started(caller, body('late'));
    await db.owner.query(
      `with taken as (delete from credential_authorizations returning *)
       insert into credential_authorizations select state_hash, org_id, credential_id, user_id, redirect_uri, return_to,
         key_version, sealed, now() - interval '1 second' from taken`,
    );
    expect(codeOf(await comeBack(back, caller))).toBe('400 oauth_state_invalid');
    const { back: other } = await started(caller, body('made-up'));
    const state = String(other.searchParams.get('state'));
    const wrong = await api.ask(`GET /v1/oauth/callback?state=${'x'.repeat(43)}&code=y`, { key: caller.key });
    expect(codeOf(wrong)).toBe('400 oauth_state_invalid');
    const refusal = new URLSearchParams({
      state,
      error: 'access_denied',
      error_description: 'canary',
      iss: issuer.url,
    });
    const denied = await api.ask(`GET /v1/oauth/callback?${refusal}`, { key: caller.key });
    expect(codeOf(denied)).toBe('409 authorization_refused');
    expect(denied.text).not.toContain('canary');
    expect(bodyOf(await api.ask(`GET /v1/credentials/${id}`, { key: caller.key })).data['credential']).toMatchObject({
      status: 'needs_reauth',
    });
  });

  test('is not for kinds that need nobody, nor for what was revoked', async () => {
    const { key } = await aMember('operator');
    const made = await api.ask('POST /v1/credentials', {
      key,
      body: { name: 'k', kind: 'api_key', secret: { api_key: 'k' } },
    });
    const id = String(bodyOf(made).data['credential']?.['id']);
    const start = (): Promise<Answer> => api.ask(`POST /v1/credentials/${id}/oauth/start`, { key, body: {} });
    expect(codeOf(await start())).toBe('409 not_interactive');
    await api.ask(`DELETE /v1/credentials/${id}`, { key });
    expect(codeOf(await start())).toBe('409 credential_revoked');
  });
});

describe('keys of the vault', () => {
  test('are replaced for an organization, and what was kept before is read all the same', async () => {
    const { key, orgId } = await aMember('operator');
    await api.ask('POST /v1/secrets', { key, body: { name: 'kept', value: 'before' } });
    const rotated = await api.ask('POST /v1/encryption-keys/rotate', { key });
    expect(bodyOf(rotated).data['data_keys']).toEqual([{ purpose: 'secrets', version: 2 }]);
    const { database, vault } = api.app.core;
    const use = { actor: { kind: 'api_key', id: 'a-key' }, reason: 'a test' };
    const read = async (): Promise<string> =>
      (await database.transaction({ orgId }, (tx) => vault.secrets.read(tx, { orgId, name: 'kept' }, use)))
        .reveal()
        .toString();
    expect(await read()).toBe('before');
    await moveToNewestKeys(vault.chores);
    const { rows } = await db.owner.query('select key_version from secret_versions where org_id = $1', [orgId]);
    expect(rows).toEqual([{ key_version: 2 }]);
    expect(await read()).toBe('before');
  });

  test('are shown and replaced for the installation by its administrators only', async () => {
    const { key } = await aMember('owner');
    expect((await api.ask('GET /v1/encryption-keys', { key })).status).toBe(403);
    expect((await api.ask('POST /v1/encryption-keys/rotate-master', { key, body: { generate: true } })).status).toBe(
      403,
    );
  });
});
