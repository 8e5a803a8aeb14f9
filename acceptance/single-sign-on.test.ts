import { controlRoutes } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { inDatabase } from './harness/database.ts';
import { CLIENT, Issuer, type Somebody } from './harness/issuer.ts';
import { type Page, PageVisitor } from './harness/page-visitor.ts';
import { Server } from './harness/server.ts';
import { addMember, addTenant } from './harness/tenant.ts';

/*
 * People of an organization sign in at a real OpenID Connect provider. The browser is one without scripts; the issuer
 * is on loopback, which the server may call because it was told so.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_OUTBOUND_NETWORKS: 'loopback', ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const issuer = await Issuer.start(`${server.url}/oauth/sso/callback`);
afterAll(() => issuer[Symbol.asyncDispose]());

const tenant = await addTenant(server, 'acme');
const administrator = server.as();
const owner = server.as(tenant.apiKey);
const at = `/v1/organizations/${tenant.orgId}/identity-providers`;

type Settings = Record<string, unknown>;
type Provider = { id: string; domains: { domain: string; verified_at: string | null }[] };
const providerIn = (body: unknown): Provider =>
  (body as { data: { identity_provider: Provider } }).data.identity_provider;

const made = await owner.post(at, {
  name: 'Acme',
  issuer: issuer.url,
  client_id: CLIENT.id,
  client_secret: CLIENT.secret,
  scopes: ['openid', 'email', 'profile', 'groups'],
  role_claim: 'groups',
  role_mapping: { staff: 'developer', admins: 'admin' },
  domains: ['acme.example', 'unproved.example'],
});
const provider = providerIn(made.body);
const change = (settings: Settings) => owner.send('PATCH', `${at}/${provider.id}`, { body: settings });

/** Domains have no records here, so the administrator of the installation vouches for one. */
const vouched = await inDatabase(server, async (client) => {
  await client.query('set role assay_system');
  await client.query(
    `update identity_provider_domains set verified_at = now(), verified_by = 'test' where domain = 'acme.example'`,
  );
  return true;
});

/** Goes to the issuer and back in one browser; gives the page that follows. */
async function signIn(person: Somebody, visitor = new PageVisitor(() => server.url), by = 'organization=acme') {
  issuer.person = person;
  const start = await visitor.get(`/oauth/sso/start?${by}&next=/device`);
  const away = leadsTo(start);
  if (away === null) return { visitor, start, back: start };
  const home = await issuer.visit(away);
  return { visitor, start, back: await visitor.get(home.pathname + home.search) };
}

/** Where the page of the start leads: the issuer. */
const leadsTo = ({ headers }: Page): string | null => /^0;url=(.*)$/.exec(headers.get('refresh') ?? '')?.[1] ?? null;

const isSignedIn = ({ location }: Page, visitor: PageVisitor): boolean =>
  location === '/device' && visitor.cookies.has('wos_session');

/** Who the browser is to the API. */
async function principalOf(visitor: PageVisitor) {
  const { body } = await server.anonymous.get('/v1/me', { cookie: visitor.cookieHeader });
  return controlRoutes.me.answers[200].schema.parse(body).data.principal;
}

const someone = (name: string, more: Partial<Somebody> = {}): Somebody => ({
  sub: `sub-${name}`,
  email: `${name}@acme.example`,
  email_verified: true,
  name: `${name} of Acme`,
  groups: ['staff'],
  ...more,
});

test('the issuer is set by the owner, and its secret is shown to nobody', async () => {
  expect([made.status, vouched]).toEqual([201, true]);
  expect(controlRoutes.createIdentityProvider.answers[201].schema.parse(made.body)).toEqual(made.body);
  const listed = await owner.get(at);
  expect(listed.status).toBe(200);
  for (const { text } of [made, listed]) expect(text).not.toContain(CLIENT.secret);
  const stored = await inDatabase(server, (client) =>
    client.query(`select encode(sealed_client_secret, 'escape') as text from identity_providers`),
  );
  expect(JSON.stringify(stored.rows)).not.toContain(CLIENT.secret);
});

describe('somebody new', () => {
  test('becomes a member with the role that the issuer says, in this organization alone', async () => {
    const { visitor, start, back } = await signIn(someone('ada'));
    expect(leadsTo(start)).toContain('code_challenge_method=S256');
    expect(isSignedIn(back, visitor)).toBe(true);
    expect(await principalOf(visitor)).toMatchObject({ organization_id: tenant.orgId, role: 'developer' });
    const { text } = await administrator.get(`/v1/organizations/${tenant.orgId}/members`);
    expect(text).not.toContain('ada@acme.example');
    expect((await owner.get(`/v1/organizations/${tenant.orgId}/members`)).text).toContain('ada@acme.example');
  });

  test('is sent to the issuer of their e-mail address', async () => {
    const { visitor, back } = await signIn(
      someone('grace'),
      new PageVisitor(() => server.url),
      'email=Grace@ACME.example',
    );
    expect(isSignedIn(back, visitor)).toBe(true);
  });

  test.each<[string, Partial<Somebody>]>([
    ['whose address is not verified', { email_verified: false }],
    ['of whose address nothing is said', { email: undefined as never }],
    ['whose address is of a domain that is not proved', { email: 'eve@unproved.example' }],
    ['whose address is of another domain', { email: 'eve@elsewhere.example' }],
    ['whose address only ends like the domain', { email: 'eve@evil-acme.example' }],
    ['who hides another address before the @', { email: 'eve@elsewhere.example@acme.example' }],
  ])('%s is kept out', async (_name, more) => {
    const { visitor, back } = await signIn(someone('eve', more));
    expect(back.status).toBe(403);
    expect(visitor.cookies.has('wos_session')).toBe(false);
  });

  test('is kept out where nobody becomes a member by signing in', async () => {
    await change({ creates_members: false });
    const { visitor, back } = await signIn(someone('late'));
    expect([back.status, isSignedIn(back, visitor)]).toEqual([403, false]);
    await change({ creates_members: true });
    expect(isSignedIn((await signIn(someone('late'), visitor)).back, visitor)).toBe(true);
  });

  test('whom no group maps gets the default role, and is kept out without one', async () => {
    const { visitor } = await signIn(someone('guest', { groups: ['visitors'] }));
    expect(await principalOf(visitor)).toMatchObject({ role: 'viewer' });
    await change({ default_role: null });
    expect((await signIn(someone('stranger', { groups: [] }))).back.status).toBe(403);
    await change({ default_role: 'viewer' });
  });
});

describe('somebody known', () => {
  test('is the same person under another address of theirs, by what the issuer names them', async () => {
    const first = await signIn(someone('kay'));
    const { id } = await principalOf(first.visitor);
    const second = await signIn(someone('kay', { email: 'kay.married@acme.example' }));
    expect((await principalOf(second.visitor)).id).toBe(id);
  });

  test('has the role that the issuer says now, at the next sign-in; an owner stays one', async () => {
    await signIn(someone('rose'));
    const promoted = await signIn(someone('rose', { groups: ['staff', 'admins'] }));
    expect(await principalOf(promoted.visitor)).toMatchObject({ role: 'admin' });
    const demoted = await signIn(someone('rose', { groups: [] }));
    expect(await principalOf(demoted.visitor)).toMatchObject({ role: 'viewer' });
    const email = await addMember(server, { orgId: tenant.orgId, name: 'acme', role: 'operator' });
    await inDatabase(server, async (client) => {
      await client.query('set role assay_system');
      await client.query(
        `update memberships set role = 'owner' where user_id = (select id from users where email = $1)`,
        [email],
      );
    });
    const boss = await signIn(someone('boss', { email, groups: [] }));
    expect(await principalOf(boss.visitor)).toMatchObject({ role: 'owner' });
  });

  test('who is disabled is kept out', async () => {
    await signIn(someone('gone'));
    await inDatabase(server, async (client) => {
      await client.query('set role assay_system');
      await client.query(`update users set disabled_at = now() where email = 'gone@acme.example'`);
    });
    expect((await signIn(someone('gone'))).back.status).toBe(403);
  });
});

describe('what comes back', () => {
  /** A sign-in that is at the issuer, and the address that it would come back to. */
  async function halfway() {
    const visitor = new PageVisitor(() => server.url);
    issuer.person = someone('half');
    const start = await visitor.get('/oauth/sso/start?organization=acme');
    const home = await issuer.visit(leadsTo(start) ?? '');
    return { visitor, home: home.pathname + home.search, state: home.searchParams.get('state') ?? '' };
  }

  test('is taken in the browser that was sent, and in no other', async () => {
    const { home } = await halfway();
    const stranger = new PageVisitor(() => server.url);
    await stranger.get('/oauth/sso/start?organization=acme');
    expect((await stranger.get(home)).status).toBe(401);
    expect(stranger.cookies.has('wos_session')).toBe(false);
  });

  test('is taken once', async () => {
    const { visitor, home } = await halfway();
    const cookie = visitor.cookieHeader;
    expect(isSignedIn({ ...(await visitor.get(home)), location: '/device' }, visitor)).toBe(true);
    const again = await server.anonymous.get(home, { cookie });
    expect(again.status).toBe(401);
  });

  test.each<[string, (home: string, state: string) => string]>([
    ['with another state', (home, state) => home.replace(state, 'made-up')],
    ['without a state', (home, state) => home.replace(`state=${state}`, '')],
    ['with another code', (home) => home.replace(/code=[^&]+/, 'code=made-up')],
    ['as a refusal of the issuer', (home) => home.replace(/code=[^&]+/, 'error=access_denied')],
    ['in the name of another issuer', (home) => home.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.example')],
    ['with two codes', (home) => `${home}&code=made-up`],
  ])('%s signs nobody in', async (_name, tamper) => {
    const { visitor, home, state } = await halfway();
    const page = await visitor.get(tamper(home, state));
    expect(page.status).toBe(401);
    expect(visitor.cookies.has('wos_session')).toBe(false);
  });

  test('leads to a path of this site only', async () => {
    const visitor = new PageVisitor(() => server.url);
    issuer.person = someone('next');
    const start = await visitor.get('/oauth/sso/start?organization=acme&next=https://evil.example/');
    const home = await issuer.visit(leadsTo(start) ?? '');
    expect((await visitor.get(home.pathname + home.search)).location).toBe('/device');
  });
});

test('an issuer that is disabled, or whose organization is not there, signs nobody in', async () => {
  await change({ is_disabled: true });
  for (const by of ['organization=acme', 'email=ada@acme.example', 'organization=nobody', 'email=x@unproved.example']) {
    const { start } = await signIn(someone('ada'), new PageVisitor(() => server.url), by);
    expect([by, start.status]).toEqual([by, 404]);
  }
  await change({ is_disabled: false });
});

describe('setting an issuer', () => {
  test('is for owners', async () => {
    const email = await addMember(server, { orgId: tenant.orgId, name: 'acme', role: 'admin' });
    const login = await server.anonymous.post('/api/v1/auth/login', { email, password: tenant.password });
    const { access_token: token } = login.body as { access_token: string };
    const body = { name: 'Mine', issuer: 'https://issuer.example', client_id: 'x', domains: [] };
    const answer = await server.anonymous.post(at, body, { authorization: `Bearer ${token}` });
    expect(answer.status).toBe(403);
  });

  test.each([
    ['is not an address', 'issuer'],
    ['names a user', 'https://user@issuer.example'],
    ['is on a private network', 'https://10.0.0.7'],
    ['is the metadata of a cloud', 'http://169.254.169.254'],
    ['is public and without TLS', 'http://1.1.1.1'],
  ])('that %s is refused', async (_name, address) => {
    const body = { name: 'Bad', issuer: address, client_id: 'x', domains: [] };
    expect((await owner.post(at, body)).status).toBe(400);
  });

  test('holds a change to the version that was read', async () => {
    const read = await owner.get(`${at}/${provider.id}`);
    const etag = read.headers.get('etag') ?? '';
    const first = await owner.send('PATCH', `${at}/${provider.id}`, {
      body: { name: 'One' },
      headers: { 'if-match': etag },
    });
    const second = await owner.send('PATCH', `${at}/${provider.id}`, {
      body: { name: 'Two' },
      headers: { 'if-match': etag },
    });
    expect([first.status, second.status]).toEqual([200, 412]);
  });

  test('proves a domain by its record, or by an administrator of the installation, for one organization', async () => {
    const verify = `${at}/${provider.id}/verify-domain`;
    const unproved = await owner.post(verify, { domain: 'unproved.example' });
    expect([unproved.status, unproved.text.includes('_assay.unproved.example')]).toEqual([409, true]);
    const mine = `/v1/organizations/${(await server.sdk().me()).organization_id}/identity-providers`;
    const body = { name: 'Ours', issuer: issuer.url, client_id: 'x', domains: ['acme.example', 'proved.example'] };
    const other = providerIn((await administrator.post(mine, body)).body);
    const proved = await administrator.post(`${mine}/${other.id}/verify-domain`, { domain: 'proved.example' });
    expect(
      providerIn(proved.body).domains.find(({ domain }) => domain === 'proved.example')?.verified_at,
    ).not.toBeNull();
    const taken = await administrator.post(`${mine}/${other.id}/verify-domain`, { domain: 'acme.example' });
    expect(taken.status).toBe(409);
  });
});
