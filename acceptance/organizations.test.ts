import { createHmac, randomUUID } from 'node:crypto';
import { ControlError } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { type Answer, Client } from './harness/client.ts';
import { inDatabase } from './harness/database.ts';
import { Mailbox } from './harness/mailbox.ts';
import { signIn } from './harness/route-call.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

const SECRET = `whsec_${Buffer.from('a secret between billing and us, of some length').toString('base64')}`;
const mailbox = await Mailbox.open();
afterAll(() => mailbox[Symbol.asyncDispose]());
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: {
    ASSAY_RATE_LIMITS: 'off',
    ASSAY_SMTP_URL: mailbox.url,
    ASSAY_MAIL_FROM: 'Assay <assay@assay.example>',
    ASSAY_BILLING_WEBHOOK_SECRET: SECRET,
  },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());

/** The first owner, signed in: they govern the installation too. */
const bearer = (token: string): Client => new Client(() => server.url, { authorization: `Bearer ${token}` });
const root = bearer((await signIn(server.anonymous, server.credentials)).accessToken);

const dataOf = <Data>(answer: Answer, status = 200): Data => {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Data }).data;
};
function expectRefusal(answer: Answer, status: number, code: string): void {
  expect([answer.status, ControlError.parse(answer.body).error.code], answer.text).toEqual([status, code]);
}

type Organization = { id: string; name: string; slug: string; posture: string; erase_after: string | null };
type Invitation = { id: string; email: string; role: string; status: string };
type Person = { userId: string; email: string; client: Client; refreshToken: string };

const PASSWORD = 'many small boats at sea';

async function organization(by = root): Promise<Organization> {
  const body = { name: `Boats ${randomUUID()}` };
  return dataOf<{ organization: Organization }>(await by.post('/v1/organizations', body), 201).organization;
}

const inOrganization = (orgId: string) => ({ 'x-organization-id': orgId });
const newAddress = (): string => `${randomUUID()}@people.example`;

async function invite(orgId: string, role: string, email = newAddress(), by = root): Promise<Invitation> {
  const answer = await by.post('/v1/invitations', { email, role }, inOrganization(orgId));
  const { invitation, accept_url } = dataOf<{ invitation: Invitation; accept_url: null }>(answer, 201);
  expect(accept_url, 'a mail carries the link, and nothing else').toBeNull();
  return invitation;
}

/** The token in the mail that invited somebody. */
async function mailedToken({ id, email }: Invitation): Promise<string> {
  const { text } = await mailbox.mailTo(email, (shown) => shown.includes(`/invitations/${id}?`));
  const link = new URL(/https?:\S+/.exec(text)?.[0] ?? '');
  return link.searchParams.get('token') ?? '';
}

const accept = (invitation: { id: string }, body: object, by = server.anonymous): Promise<Answer> =>
  by.post(`/v1/invitations/${invitation.id}/accept`, body);

/** Somebody who is invited, reads the mail and makes an account. */
async function join(orgId: string, role: string): Promise<Person> {
  const invitation = await invite(orgId, role);
  const account = { token: await mailedToken(invitation), name: 'Somebody', password: PASSWORD };
  const joined = dataOf<{ user_id: string; tokens: { access_token: string; refresh_token: string } }>(
    await accept(invitation, account),
  );
  return {
    userId: joined.user_id,
    email: invitation.email,
    client: bearer(joined.tokens.access_token),
    refreshToken: joined.tokens.refresh_token,
  };
}

describe('an organization', () => {
  test('belongs to who creates it, has a slug of its own and is listed among theirs', async () => {
    const made = await organization();
    expect(made).toMatchObject({ posture: 'active', slug: expect.stringMatching(/^boats-[0-9a-f-]+$/) });
    const mine = dataOf<{ organizations: Organization[] }>(await root.get('/v1/me/organizations?limit=200'));
    expect(mine.organizations.map(({ id }) => id)).toContain(made.id);
    const members = dataOf<{ members: { role: string }[] }>(await root.get(`/v1/organizations/${made.id}/members`));
    expect(members.members.map(({ role }) => role)).toEqual(['owner']);
    expectRefusal(await root.post('/v1/organizations', { name: 'Other', slug: made.slug }), 409, 'slug_taken');
  });

  test('is owned by the person behind the key that creates it, which does not reach into it', async () => {
    const made = await organization(server.as());
    expect((await root.get(`/v1/organizations/${made.id}`)).status).toBe(200);
    expectRefusal(await server.as().get(`/v1/organizations/${made.id}`), 404, 'not_found');
  });

  test('is changed by who has seen its newest version only', async () => {
    const { id } = await organization();
    const path = `/v1/organizations/${id}`;
    const etag = (await root.get(path)).headers.get('etag') ?? '';
    const patch = (name: string) => root.send('PATCH', path, { body: { name }, headers: { 'if-match': etag } });
    expect((await patch('First')).status).toBe(200);
    expectRefusal(await patch('Second'), 412, 'precondition_failed');
  });

  test('that is deleted is gone at once for members, keys and invited people, and can be brought back', async () => {
    const { id } = await organization();
    const member = await join(id, 'developer');
    const pending = await invite(id, 'viewer');
    const token = await mailedToken(pending);
    const made = await root.post('/v1/api-keys', { name: 'Key' }, inOrganization(id));
    const key = server.as(dataOf<{ raw_key: string }>(made, 201).raw_key);
    expect((await key.get('/v1/me')).status).toBe(200);
    expectRefusal(await member.client.send('DELETE', `/v1/organizations/${id}`), 403, 'forbidden');

    const deleted = dataOf<{ organization: Organization }>(await root.send('DELETE', `/v1/organizations/${id}`));
    expect(Date.parse(deleted.organization.erase_after ?? '')).toBeGreaterThan(Date.now());
    for (const client of [root, member.client]) {
      expectRefusal(await client.get(`/v1/organizations/${id}`), 404, 'not_found');
      expectRefusal(await client.get('/v1/invitations', inOrganization(id)), 404, 'not_found');
    }
    expectRefusal(await key.get('/v1/me'), 401, 'unauthenticated');
    expect((await member.client.get('/v1/me')).body).toMatchObject({ data: { principal: { organization_id: null } } });
    expectRefusal(await accept(pending, { token, name: 'Late', password: PASSWORD }), 404, 'not_found');
    expectRefusal(await member.client.post(`/v1/organizations/${id}/restore`, undefined), 404, 'not_found');

    expect((await root.post(`/v1/organizations/${id}/restore`, undefined)).status).toBe(200);
    expect((await key.get('/v1/me')).status).toBe(200);
    expect((await member.client.get(`/v1/organizations/${id}`)).status).toBe(200);
    expect((await accept(pending, { token, name: 'Late', password: PASSWORD })).status).toBe(200);
  });
});

/** What a browser would send back. */
const cookieOf = ({ headers }: Answer): string =>
  headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0] ?? '')
    .join('; ');
const hiddenIn = ({ text }: Answer): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );

describe('an invitation', () => {
  test('comes by mail, works once, and makes an account that is signed in', async () => {
    const { id } = await organization();
    const invitation = await invite(id, 'Member');
    expect(invitation).toMatchObject({ role: 'developer', status: 'pending' });
    const { from, text } = await mailbox.mailTo(invitation.email);
    expect(from).toBe('assay@assay.example');
    expect(text).toContain('You are invited to join "Boats');
    const token = await mailedToken(invitation);
    const account = { token, name: 'Somebody', password: PASSWORD };
    expectRefusal(await accept(invitation, { token }), 400, 'validation_failed');
    expectRefusal(await accept(invitation, { ...account, password: 'short' }), 400, 'validation_failed');
    expectRefusal(await accept(invitation, { ...account, token: `${token.slice(0, -1)}_` }), 404, 'not_found');
    const both = await Promise.all([accept(invitation, account), accept(invitation, account)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expectRefusal(await accept(invitation, account), 409, 'invitation_settled');
    const { accessToken } = await signIn(server.anonymous, { email: invitation.email, password: PASSWORD });
    expect((await bearer(accessToken).get('/v1/me')).body).toMatchObject({
      data: { principal: { organization_id: id, role: 'developer' } },
    });
  });

  test('is for the person whose address it names, signed in', async () => {
    const [first, second] = [await organization(), await organization()];
    const [person, other] = [await join(first.id, 'viewer'), await join(first.id, 'viewer')];
    const invitation = await invite(second.id, 'viewer', person.email.toUpperCase());
    const token = await mailedToken(invitation);
    expectRefusal(await accept(invitation, { token }, other.client), 403, 'forbidden');
    expectRefusal(await accept(invitation, { token, name: 'Twice', password: PASSWORD }), 409, 'account_exists');
    expectRefusal(await accept(invitation, { token }, server.as()), 403, 'forbidden');
    expectRefusal(
      await accept(invitation, { token, name: 'Twice', password: PASSWORD }, person.client),
      400,
      'validation_failed',
    );
    expect(dataOf(await accept(invitation, { token }, person.client))).toMatchObject({ role: 'viewer', tokens: null });
    const mine = dataOf<{ organizations: Organization[] }>(await person.client.get('/v1/organizations'));
    expect(mine.organizations.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
  });

  test('is pending until it is answered, taken back or over', async () => {
    const { id } = await organization();
    const email = newAddress();
    const invitation = await invite(id, 'viewer', email);
    const again = { email, role: 'viewer' };
    expectRefusal(await root.post('/v1/invitations', again, inOrganization(id)), 409, 'pending_invitation');
    const path = `/v1/organizations/${id}/memberships`;
    expectRefusal(await root.post(path, again), 409, 'pending_invitation');
    const listed = dataOf<{ memberships: { status: string; email: string }[] }>(await root.get(path));
    expect(listed.memberships).toMatchObject([{ status: 'pending', email }, { status: 'active' }]);

    const declined = await server.anonymous.post(`/v1/invitations/${invitation.id}/decline`, {
      token: await mailedToken(invitation),
    });
    expect(declined.body).toMatchObject({ data: { invitation: { status: 'declined' } } });
    const revoked = await invite(id, 'viewer');
    expect((await root.post(`/v1/invitations/${revoked.id}/revoke`, undefined, inOrganization(id))).status).toBe(200);
    const late = await invite(id, 'viewer');
    await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      await sql.query(`update invitations set expires_at = now() where id = $1`, [late.id]);
    });
    for (const [gone, code] of [
      [invitation, 'invitation_settled'],
      [revoked, 'invitation_settled'],
      [late, 'invitation_expired'],
    ] as const) {
      const account = { token: await mailedToken(gone), name: 'Late', password: PASSWORD };
      expectRefusal(await accept(gone, account), 409, code);
    }
    await invite(id, 'viewer', late.email);
  });

  test('is not for members, nor above who invites', async () => {
    const { id } = await organization();
    const admin = await join(id, 'admin');
    const body = (role: string, email = newAddress()) => ({ email, role });
    expectRefusal(await admin.client.post('/v1/invitations', body('owner')), 403, 'forbidden');
    expect((await admin.client.post('/v1/invitations', body('admin'))).status).toBe(201);
    expectRefusal(
      await root.post('/v1/invitations', body('viewer', admin.email), inOrganization(id)),
      409,
      'already_member',
    );
  });

  test('has a link to a page that makes the account and signs in, without a script', async () => {
    const { id, name } = await organization();
    const invitation = await invite(id, 'developer');
    const path = `/invitations/${invitation.id}?token=${await mailedToken(invitation)}`;
    const shown = await server.anonymous.get(path);
    expect(shown.status).toBe(200);
    for (const word of [name, invitation.email, 'developer', 'Join', 'Decline']) expect(shown.text).toContain(word);
    const cookie = cookieOf(shown);
    const submit = (fields: Record<string, string>, headers: Record<string, string> = { cookie }) =>
      server.anonymous.post(
        `/invitations/${invitation.id}`,
        new URLSearchParams({ ...hiddenIn(shown), ...fields }).toString(),
        {
          'content-type': 'application/x-www-form-urlencoded',
          origin: server.url,
          ...headers,
        },
      );
    const join = { answer: 'accept', name: '<b>Somebody</b>', password: PASSWORD };
    expect((await submit(join, {})).status, 'of another browser').toBe(403);
    const weak = await submit({ ...join, password: 'passwordpassword' });
    expect(weak.status).toBe(400);
    expect(weak.text).toContain('&lt;b&gt;Somebody&lt;/b&gt;');
    const joined = await submit(join);
    expect([joined.status, joined.headers.get('location')]).toEqual([303, '/']);
    const session = await server.anonymous.get('/v1/me', { cookie: cookieOf(joined) });
    expect(session.body).toMatchObject({ data: { principal: { organization_id: id, role: 'developer' } } });
    expect((await server.anonymous.get(path)).status).toBe(409);
    expect((await server.anonymous.get(`/invitations/${randomUUID()}?token=x`)).status).toBe(404);
  });

  test('has a page that says no, and that sends who has an account to sign in', async () => {
    const { id } = await organization();
    const invitation = await invite(id, 'viewer', (await join(id, 'viewer')).email.replace('@', '+again@'));
    const elsewhere = await organization();
    const known = await invite(elsewhere.id, 'viewer', (await join(id, 'viewer')).email);
    const page = await server.anonymous.get(`/invitations/${known.id}?token=${await mailedToken(known)}`);
    expect(page.text).toContain('href="/login?next=%2Finvitations%2F');
    const open = await server.anonymous.get(`/invitations/${invitation.id}?token=${await mailedToken(invitation)}`);
    const form = new URLSearchParams({ ...hiddenIn(open), answer: 'decline' }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: server.url, cookie: cookieOf(open) };
    const declined = await server.anonymous.post(`/invitations/${invitation.id}`, form, headers);
    expect(declined.text).toContain('Declined');
  });

  test('is mailed again and again while the mail server is busy', async () => {
    const { id } = await organization();
    const email = newAddress();
    mailbox.busyFor.add(email);
    const invitation = await invite(id, 'viewer', email);
    expect(await mailedToken(invitation)).toMatch(/^it_/);
    expect(mailbox.busyFor.has(email)).toBe(false);
    expect(mailbox.delivered.filter(({ to }) => to.includes(email))).toHaveLength(1);
  });
});

describe('a member', () => {
  test('who is removed loses the organization at once, and their key keeps what they could do', async () => {
    const { id } = await organization();
    const person = await join(id, 'developer');
    const made = await person.client.post('/v1/api-keys', { name: 'Key', permission_set: 'read_only' });
    expect(made.status).toBe(403);
    const operator = await join(id, 'operator');
    const key = server.as(
      dataOf<{ raw_key: string }>(await operator.client.post('/v1/api-keys', { name: 'Key' }), 201).raw_key,
    );
    expect((await key.get('/api/evaluations')).status).toBe(200);
    expect((await root.send('DELETE', `/v1/organizations/${id}/memberships/${operator.userId}`)).status).toBe(200);
    expectRefusal(await operator.client.get(`/v1/organizations/${id}`), 404, 'not_found');
    expect((await operator.client.get('/v1/me')).body).toMatchObject({
      data: { principal: { organization_id: null } },
    });
    expect((await key.get('/api/evaluations')).status).toBe(200);
    expectRefusal(await key.post('/v1/teams', { name: 'No' }), 403, 'permission_denied');
  });

  test('leaves, unless nobody would be left to own the organization', async () => {
    const { id } = await organization();
    const person = await join(id, 'viewer');
    const leave = (by: Client) => by.send('DELETE', `/v1/organizations/${id}/memberships/me`);
    expectRefusal(await leave(root), 409, 'last_owner');
    expect((await leave(person.client)).status).toBe(200);
    expectRefusal(await person.client.get(`/v1/organizations/${id}`), 404, 'not_found');
  });

  test('has a role that other systems call by other names', async () => {
    const { id } = await organization();
    const person = await join(id, 'viewer');
    const path = `/v1/organizations/${id}/memberships/${person.userId}`;
    for (const [name, role] of [
      ['ORG_ADMIN', 'admin'],
      ['PROJECT_LEAD', 'developer'],
      ['Operator', 'operator'],
      ['manager', 'operator'],
      ['Member', 'developer'],
    ]) {
      const changed = await root.send('PATCH', path, { body: { role: name } });
      expect(changed.body).toMatchObject({ data: { member: { role } } });
    }
    expectRefusal(await root.send('PATCH', path, { body: { role: 'king' } }), 400, 'validation_failed');
  });

  test('with a custom role may do what that says, and nothing else', async () => {
    const { id } = await organization();
    const person = await join(id, 'viewer');
    const roles = `/v1/organizations/${id}/custom-roles`;
    const made = await root.post(roles, { name: 'Auditor', scopes: ['audit:read', 'members:read'] });
    const role = dataOf<{ custom_role: { id: string } }>(made, 201).custom_role;
    const path = `/v1/organizations/${id}/memberships/${person.userId}`;
    expect((await root.send('PATCH', path, { body: { custom_role_id: role.id } })).status).toBe(200);
    expect((await person.client.get(`/v1/organizations/${id}/members`)).status).toBe(200);
    expectRefusal(await person.client.get(`/v1/organizations/${id}`), 403, 'forbidden');
    expectRefusal(await root.send('DELETE', `${roles}/${role.id}`), 409, 'role_in_use');
    expectRefusal(await root.send('PATCH', path, { body: { role: 'owner' } }), 400, 'validation_failed');
    expectRefusal(await root.post(roles, { name: 'Other', scopes: ['no:such'] }), 400, 'validation_failed');
    expect((await root.send('PATCH', `${roles}/${role.id}`, { body: { scopes: [] } })).status).toBe(200);
    expectRefusal(await person.client.get(`/v1/organizations/${id}/members`), 403, 'forbidden');
  });

  test('with few scopes makes no role of more', async () => {
    const { id } = await organization();
    const person = await join(id, 'developer');
    const roles = `/v1/organizations/${id}/custom-roles`;
    const made = await root.post(roles, { name: 'Host', scopes: ['members:read', 'members:write'] });
    const role = dataOf<{ custom_role: { id: string } }>(made, 201).custom_role;
    const path = `/v1/organizations/${id}/memberships/${person.userId}`;
    expect((await root.send('PATCH', path, { body: { custom_role_id: role.id } })).status).toBe(200);
    const wider = { name: 'Wider', scopes: ['members:read', 'audit:read'] };
    expectRefusal(await person.client.post(roles, wider), 403, 'permission_denied');
    expectRefusal(await person.client.send('PATCH', `${roles}/${role.id}`, { body: wider }), 403, 'forbidden');
    const guest = { email: newAddress(), role: 'developer' };
    expectRefusal(await person.client.post('/v1/invitations', guest), 403, 'permission_denied');
    expect((await person.client.post('/v1/invitations', { ...guest, custom_role_id: role.id })).status).toBe(201);
  });
});

describe('a team', () => {
  test('is looked after by its maintainers, whatever else they may do', async () => {
    const { id } = await organization();
    const [maintainer, member] = [await join(id, 'viewer'), await join(id, 'viewer')];
    const made = await root.post('/v1/teams', { name: 'Crew' }, inOrganization(id));
    const { team } = dataOf<{ team: { id: string } }>(made, 201);
    const put = (by: Client, userId: string, role: string) =>
      by.send('PUT', `/v1/teams/${team.id}/members/${userId}`, { body: { role }, headers: inOrganization(id) });
    expectRefusal(await put(maintainer.client, member.userId, 'member'), 403, 'forbidden');
    expect((await put(root, maintainer.userId, 'maintainer')).status).toBe(200);
    expect((await put(maintainer.client, member.userId, 'member')).status).toBe(200);
    expectRefusal(await put(member.client, member.userId, 'maintainer'), 403, 'forbidden');
    expectRefusal(await put(maintainer.client, randomUUID(), 'member'), 404, 'not_found');
    expectRefusal(await maintainer.client.send('DELETE', `/v1/teams/${team.id}`), 403, 'forbidden');
    const mine = dataOf<{ teams: { id: string; role: string }[] }>(await maintainer.client.get('/v1/me/teams'));
    expect(mine.teams).toMatchObject([{ id: team.id, role: 'maintainer' }]);
    expect((await root.send('DELETE', `/v1/organizations/${id}/memberships/${member.userId}`)).status).toBe(200);
    const shown = await root.get(`/v1/teams/${team.id}`, inOrganization(id));
    expect(dataOf<{ members: unknown[] }>(shown).members).toHaveLength(2);
  });
});

describe('a service account', () => {
  test('acts through keys that it bounds, and they end with it', async () => {
    const { id } = await organization();
    const headers = inOrganization(id);
    const made = await root.post('/v1/service-accounts', { name: 'Deployer', role: 'developer' }, headers);
    const account = dataOf<{ service_account: { id: string } }>(made, 201).service_account;
    const path = `/v1/service-accounts/${account.id}`;
    const body = { name: 'Key', permission_set: 'full_access', service_account_id: account.id };
    const key = server.as(dataOf<{ raw_key: string }>(await root.post('/v1/api-keys', body, headers), 201).raw_key);
    // No runner is here to run it, which is said to those who may submit.
    expect((await key.post('/api/eval', { code: 'print(1)' })).status).toBe(503);
    expectRefusal(await key.post('/v1/teams', { name: 'No' }), 403, 'permission_denied');
    expectRefusal(await key.post('/v1/organizations', { name: 'Of a robot' }), 403, 'forbidden');
    const patch = (change: object) => root.send('PATCH', path, { body: change, headers });
    expect((await patch({ role: 'viewer' })).status).toBe(200);
    expect((await key.post('/api/eval', { code: 'print(1)' })).status).toBe(403);
    expect((await patch({ disabled: true })).status).toBe(200);
    expectRefusal(await key.get('/v1/me'), 401, 'unauthenticated');
    expect((await patch({ disabled: false })).status).toBe(200);
    expect((await key.get('/v1/me')).status).toBe(200);
    expectRefusal(await patch({ role: 'owner' }), 400, 'validation_failed');
    expect((await root.send('DELETE', path, { headers })).status).toBe(200);
    expectRefusal(await key.get('/v1/me'), 401, 'unauthenticated');
    expectRefusal(await root.send('DELETE', path, { headers }), 404, 'not_found');
  });
});

describe('billing', () => {
  const message = (orgId: string, posture: string) =>
    JSON.stringify({ type: 'organization.billing.updated', data: { organization_id: orgId, posture } });

  function signed(payload: string, { id = randomUUID(), at = Date.now() }: { id?: string; at?: number } = {}) {
    const timestamp = String(Math.floor(at / 1000));
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64');
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,AAAA v1,${signature}`,
    };
  }
  const post = (body: string, headers: Record<string, string>) =>
    server.anonymous.send('POST', '/v1/billing/webhook', { body, headers });

  test('is set by administrators of the installation, and by nobody else', async () => {
    const { id } = await organization();
    const owner = await join(id, 'admin');
    const path = `/v1/organizations/${id}/billing`;
    const trial = { posture: 'trial', trial_ends_at: '2020-01-01T00:00:00Z' };
    expectRefusal(await owner.client.send('PATCH', path, { body: trial }), 403, 'forbidden');
    expect((await root.send('PATCH', path, { body: trial })).status).toBe(200);
    expectRefusal(await owner.client.post('/v1/teams', { name: 'No' }), 423, 'billing_inactive');
    expectRefusal(
      await root.send('PATCH', `/v1/organizations/${randomUUID()}/billing`, { body: trial }),
      404,
      'not_found',
    );
  });

  test('listens to what its secret has signed, once, in time and byte for byte', async () => {
    const { id } = await organization();
    const postureNow = async () =>
      dataOf<{ organization: Organization }>(await root.get(`/v1/organizations/${id}`)).organization.posture;
    const body = message(id, 'past_due');
    const headers = signed(body);
    for (const [sent, with_] of [
      [body, { ...headers, 'webhook-signature': 'v1,AAAA' }],
      [body, { 'content-type': 'application/json' }],
      [message(id, 'active'), headers],
      [`${body} `, headers],
      [body, { ...headers, 'webhook-id': randomUUID() }],
      [body, signed(body, { at: Date.now() - 301_000 })],
      [body, signed(body, { at: Date.now() + 301_000 })],
    ] as const) {
      expectRefusal(await post(sent, with_), 401, 'unauthenticated');
    }
    expect(await postureNow()).toBe('active');
    expect((await post(body, headers)).body).toMatchObject({ data: { is_new: true } });
    expect(await postureNow()).toBe('past_due');
    expect((await root.send('PATCH', `/v1/organizations/${id}/billing`, { body: { posture: 'active' } })).status).toBe(
      200,
    );
    expect((await post(body, headers)).body).toMatchObject({ data: { is_new: false } });
    expect(await postureNow()).toBe('active');
  });
});

describe('a person', () => {
  test('erases themselves, when they say who they are', async () => {
    const { id } = await organization();
    const person = await join(id, 'viewer');
    const erase = (email: string, by = person.client) => by.send('DELETE', '/v1/me', { body: { email } });
    expectRefusal(await erase('somebody@else.example'), 400, 'validation_failed');
    expectRefusal(await erase(person.email, server.as()), 403, 'forbidden');
    expect(dataOf(await erase(person.email))).toEqual({ erased: { user_id: person.userId, organization_ids: [id] } });
    expectRefusal(await person.client.get('/v1/me'), 401, 'unauthenticated');
    const refreshed = await server.anonymous.post('/api/v1/auth/refresh', { refresh_token: person.refreshToken });
    expect(refreshed.status).toBe(401);
    // What was done is in the list within a second.
    const log = async (): Promise<string> => (await root.get(`/v1/organizations/${id}/audit-logs?limit=1000`)).text;
    await until('the erasure is in the log', async () => (await log()).includes('user.erased'));
    expect(await log()).not.toContain(person.email);
    expect(await log()).toContain(person.userId);
  });

  test('is erased by administrators of the installation', async () => {
    const { id } = await organization();
    const person = await join(id, 'viewer');
    const path = `/v1/users/${person.userId}`;
    expectRefusal(await person.client.send('DELETE', path), 403, 'forbidden');
    expect((await root.send('DELETE', path)).status).toBe(200);
    expectRefusal(await root.send('DELETE', path), 404, 'not_found');
  });
});
