import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { CLIENT_SECRET, type Issuer, startIssuer } from '../../../test/fakes/issuer.ts';
import { fakeProvider, json, openAiAnswer } from '../../../test/fakes/model-provider.ts';
import { untilBilled } from '../../../test/metering.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { ROLE_SCOPES } from '../../modules/access/index.ts';

const db = testDatabase();
const upstream = fakeProvider();
const elsewhere = fakeProvider();
let api: ServedApi;
let issuer: Issuer;
beforeAll(async () => {
  const args = ['--outbound-networks', 'loopback', '--rate-limits', 'off'];
  [api, issuer] = await Promise.all([servedApi(db, args), startIssuer()]);
});
afterAll(async () => {
  await issuer[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.respond = (_received, response) => json(response, 200, openAiAnswer('Hi.', { prompt: 1, completion: 1 }));
  elsewhere.respond = upstream.respond;
});

type Data = Record<string, Record<string, unknown>>;
const dataOf = ({ body, status, text }: Answer): Data => {
  if (status >= 300) throw new Error(`It was answered with ${status}: ${text}`);
  return (body as { data: Data }).data;
};
const toldBy = ({ status, body }: Answer): string =>
  `${status} ${(body as { error?: { message?: string } }).error?.message ?? ''}`.trim();

/** Somebody who may do all that an administrator may, unless said otherwise. */
async function anAdmin(scopes: readonly string[] = [...ROLE_SCOPES.admin]) {
  const person = await aPerson(db, { role: 'admin' });
  const { raw: key } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes });
  const ask = (line: string, body?: unknown): Promise<Answer> => api.ask(line, { key, body });
  const made = async (line: string, what: string, body: object): Promise<string> =>
    String(dataOf(await ask(line, body))[what]?.['id']);
  return {
    ...person,
    ask,
    provider: (more: object): Promise<string> =>
      made('POST /v1/providers', 'provider', { name: 'gpt', kind: 'openai', base_url: `${upstream.url}/v1`, ...more }),
    credential: (more: object): Promise<string> =>
      made('POST /v1/credentials', 'credential', { name: 'door', provider_config: {}, ...more }),
    secret: (value: string): Promise<string> => made('POST /v1/secrets', 'secret', { name: 'vendor-key', value }),
    call: (): Promise<Answer> =>
      ask('POST /v1/chat/completions', { model: 'gpt-4o-mini', messages: said, max_tokens: 9 }),
  };
}
const said = [{ role: 'user', content: 'Hello.' }];
/** What the upstream was shown, call by call. */
const shown = (header = 'authorization'): unknown[] => upstream.received.map(({ headers }) => headers[header]);

describe('a secret that a provider is let in with', () => {
  test('is sent as its key, and its next value from the next call on', async () => {
    const { ask, call, provider, secret } = await anAdmin();
    await secret('first-key\n');
    const id = await provider({ secret: 'vendor-key' });
    expect((await call()).status).toBe(200);
    expect((await call()).status).toBe(200);
    await ask('PUT /v1/secrets/vendor-key', { value: 'second-key' });
    expect((await call()).status).toBe(200);
    expect(shown()).toEqual(['Bearer first-key', 'Bearer first-key', 'Bearer second-key']);
    const seen = await ask(`GET /v1/providers/${id}`);
    expect(dataOf(seen)['provider']).toMatchObject({ secret: 'vendor-key', credential_id: null, key_hint: null });
    expect(seen.text).not.toContain('-key"}');
  });

  test('leaves one leaf for each of its versions, which names the provider', async () => {
    const { orgId, ask, call, provider, secret } = await anAdmin();
    await secret('first-key');
    const id = await provider({ secret: 'vendor-key' });
    for (let round = 0; round < 3; round++) await call();
    await ask(`PATCH /v1/providers/${id}`, { display_name: 'Another name' });
    await call();
    await ask('PUT /v1/secrets/vendor-key', { value: 'second-key' });
    await call();
    const { rows } = await db.owner.query(
      `select actor_kind, actor_id, detail from audit_leaves where org_id = $1 and action = 'secret.used' order by detail->>'version'`,
      [orgId],
    );
    expect(rows).toEqual(
      [1, 2].map((version) => ({
        actor_kind: 'provider',
        actor_id: id,
        detail: { name: 'vendor-key', version, reason: 'model calls' },
      })),
    );
  });

  test('is not deleted while the provider names it', async () => {
    const { ask, provider, secret } = await anAdmin();
    await secret('a-key');
    const id = await provider({ secret: 'vendor-key' });
    expect(toldBy(await ask('DELETE /v1/secrets/vendor-key'))).toMatch(/^409 A provider is let in with this secret/);
    await ask(`PATCH /v1/providers/${id}`, { secret: null });
    expect((await ask('DELETE /v1/secrets/vendor-key')).status).toBe(200);
  });

  test('that is no key is not sent, and the answer says what to mend', async () => {
    const { call, provider, secret } = await anAdmin();
    await secret('two\nlines');
    await provider({ secret: 'vendor-key' });
    const answer = await call();
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('one line of visible ASCII')]);
    expect(upstream.received).toEqual([]);
  });
});

describe('a credential that a provider is let in with', () => {
  test.each([
    [{ kind: 'api_key', secret: { api_key: 'k' } }, { 'x-api-key': 'k' }, '/v1/messages'],
    [
      { kind: 'api_key', provider_config: { header: 'X-Door' }, secret: { api_key: 'k' } },
      { 'x-door': 'k' },
      '/v1/messages',
    ],
    [
      { kind: 'basic_auth', secret: { username: 'Aladdin', password: 'open sesame' } },
      { authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' },
      '/v1/messages',
    ],
    [
      { kind: 'query_api_key', provider_config: { parameter: 'key' }, secret: { api_key: 'k&k' } },
      {},
      '/v1/messages?key=k%26k',
    ],
  ])('of the kind %j is sent as it says', async (body, headers, path) => {
    const { ask, credential, provider } = await anAdmin();
    await provider({
      name: 'claude',
      kind: 'anthropic',
      base_url: upstream.url,
      credential_id: await credential(body),
    });
    await ask('POST /v1/chat/completions', { model: 'claude-test', messages: said, max_tokens: 9 });
    expect(upstream.received[0]).toMatchObject({ path, headers });
  });

  const aMachine = () => ({
    kind: 'oauth2_client_credentials',
    provider_config: { client_id: 'machine', token_endpoint: `${issuer.url}/token` },
    secret: { client_secret: CLIENT_SECRET },
  });

  test('is a token of its issuer’s, got once, and got anew before it ends', async () => {
    const { call, credential, provider } = await anAdmin();
    const credentialId = await credential(aMachine());
    await provider({ credential_id: credentialId });
    const granted = issuer.grants.length;
    for (let round = 0; round < 2; round++) expect((await call()).status).toBe(200);
    expect(issuer.grants.length - granted).toBe(1);
    await db.owner.query(
      'update credential_tokens set refresh_at = now(), expires_at = now() where credential_id = $1',
      [credentialId],
    );
    expect((await call()).status).toBe(200);
    const [first, second, third] = shown();
    expect([first === second, first === third]).toEqual([true, false]);
    expect(String(third)).toMatch(/^Bearer \S{20,}$/);
  });

  test('is got anew once when the provider does not take the token, and the call is billed once', async () => {
    const { orgId, call, credential, provider } = await anAdmin();
    await provider({ credential_id: await credential(aMachine()) });
    await call();
    const [stale] = shown();
    upstream.respond = ({ headers }, response) =>
      headers.authorization === stale
        ? json(response, 401, { error: { message: 'The token has expired.' } })
        : json(response, 200, openAiAnswer('Hi.', { prompt: 1, completion: 1 }));
    expect((await call()).status).toBe(200);
    expect(upstream.received).toHaveLength(3);
    upstream.respond = (_received, response) => json(response, 401, { error: { message: 'Nobody is let in.' } });
    expect((await call()).status).toBe(503);
    expect(upstream.received).toHaveLength(5);
    await untilBilled(db, orgId);
    const { rows } = await db.owner.query('select outcome from usage_records where org_id = $1', [orgId]);
    expect(rows).toHaveLength(2);
  });

  test('that is revoked ends calls at the next one, with the way out', async () => {
    const { ask, call, credential, provider } = await anAdmin();
    const credentialId = await credential({ kind: 'api_key', secret: { api_key: 'k' } });
    const id = await provider({ credential_id: credentialId });
    expect((await call()).status).toBe(200);
    await ask(`DELETE /v1/credentials/${credentialId}`);
    const refused = await call();
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('`credential_id`')]);
    expect(upstream.received).toHaveLength(1);
    await ask(`PATCH /v1/providers/${id}`, { api_key: 'of-its-own' });
    expect((await call()).status).toBe(200);
    expect(shown()).toEqual(['Bearer k', 'Bearer of-its-own']);
  });

  test('whose issuer gives nothing is a failure that names it, and nobody is asked without a token', async () => {
    const { call, credential, provider } = await anAdmin();
    const machine = { ...aMachine(), secret: { client_secret: 'wrong' } };
    await provider({ credential_id: await credential(machine) });
    const answer = await call();
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('door')]);
    expect(upstream.received).toEqual([]);
  });
});

describe('what lets a provider in', () => {
  test('is one thing, that the vault has, and of nobody in person', async () => {
    const { ask, credential } = await anAdmin();
    const personal = await credential({ name: 'mine', kind: 'api_key', secret: { api_key: 'k' }, personal: true });
    const foreign = await (await anAdmin()).credential({ kind: 'api_key', secret: { api_key: 'k' } });
    const add = async (more: object): Promise<string> =>
      toldBy(await ask('POST /v1/providers', { name: 'gpt', kind: 'openai', ...more }));
    expect(await add({ credential_id: personal })).toMatch(/^400 .* this one is a person's/);
    expect(await add({ credential_id: foreign })).toMatch(/^400 There is no credential/);
    expect(await add({ secret: 'nothing' })).toMatch(/^400 There is no secret/);
    expect(await add({ secret: 'nothing', api_key: 'k' })).toMatch(/^400/);
  });

  test('is named by those only who may replace it: whoever sets the address could read it', async () => {
    const admin = await anAdmin();
    const credentialId = await admin.credential({ kind: 'api_key', secret: { api_key: 'k' } });
    await admin.secret('a-key');
    const { raw: key } = await aKey(db, {
      orgId: admin.orgId,
      createdBy: admin.userId,
      scopes: ['providers:write', 'providers:read', 'secrets:read', 'credentials:read'],
    });
    for (const more of [{ credential_id: credentialId }, { secret: 'vendor-key' }]) {
      const body = { name: 'gpt', kind: 'openai', base_url: elsewhere.url, ...more };
      expect(toldBy(await api.ask('POST /v1/providers', { key, body }))).toMatch(/^403 .* you need the scope/);
    }
  });

  test('goes to no other address until it is given again', async () => {
    const { ask, call, provider } = await anAdmin();
    const id = await provider({ api_key: 'of-its-own' });
    const move = { base_url: `${elsewhere.url}/v1` };
    expect(toldBy(await ask(`PATCH /v1/providers/${id}`, move))).toMatch(/^400 The key was given for another address/);
    await call();
    expect(elsewhere.received).toEqual([]);
    expect((await ask(`PATCH /v1/providers/${id}`, { ...move, api_key: 'for-the-other' })).status).toBe(200);
    await call();
    expect(elsewhere.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer for-the-other']);
    expect((await ask(`PATCH /v1/providers/${id}`, { base_url: `${elsewhere.url}/v2` })).status).toBe(200);
  });

  test('stays when a change says that nothing of the vault is wanted, as a provider without shows it', async () => {
    const { ask, call, provider } = await anAdmin();
    const id = await provider({ api_key: 'of-its-own' });
    await ask(`PATCH /v1/providers/${id}`, { credential_id: null, secret: null });
    await call();
    expect(shown()).toEqual(['Bearer of-its-own']);
  });
});
