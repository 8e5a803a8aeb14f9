import { randomUUID } from 'node:crypto';
import { allRoutes, type Route } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { Client } from './harness/client.ts';
import { addEstate, NOTHING } from './harness/estate.ts';
import { declaredOf } from './harness/permissions.ts';
import { callOf, endsItself, nameOf, send, signIn, signsIn } from './harness/route-call.ts';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { addMember, addTenant, type Tenant } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/*
 * Who gets how far with what: every route, called over the real API by everybody there is. The table is checked in and
 * read in review: a line that changes is a permission that changes.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

const routes = allRoutes.filter((route) => route.operation !== null && !signsIn(route));
const orgId = (await server.sdk().me()).organization_id ?? '';
const estate = await addEstate(server, runner, { apiKey: server.credentials.apiKey, canary: 'kestrel' });

/** How a caller comes to a route; asked anew for each call. */
type Caller = (route: Route) => Promise<Client>;

const ROLES = ['owner', 'admin', 'operator', 'developer', 'viewer'] as const;
const TEMPLATES = ['full_access', 'submit_observe', 'read_only'] as const;
const POSTURES = [
  ['trial', 'trial', new Date(Date.now() + 86_400_000).toISOString()],
  ['trial over', 'trial', '2026-01-01T00:00:00Z'],
  ['past due', 'past_due', null],
  ['leaving', 'decommissioning', null],
] as const;

const bearer = (token: string): Client => new Client(() => server.url, { authorization: `Bearer ${token}` });

/** Routes that end what a caller came with; whoever calls one is a caller of its own. */
const isLast = (route: Route): boolean => endsItself(route) || /\/v1\/me(\/|$)/.test(route.path);

async function member(role: string): Promise<Client> {
  const email = await addMember(server, { orgId, name: `m-${randomUUID()}`, role });
  return bearer((await signIn(server.anonymous, { email, password: server.credentials.password })).accessToken);
}

async function memberOf(role: string): Promise<Caller> {
  const lasting = await member(role);
  return async (route) => (isLast(route) && route.method !== 'GET' ? member(role) : lasting);
}

async function keyOf(template: (typeof TEMPLATES)[number]): Promise<Caller> {
  const { raw_key } = await server.sdk().apiKeys.create({ name: template, permission_set: template });
  return async () => server.as(raw_key);
}

async function revoked(): Promise<Caller> {
  const made = await server.sdk().apiKeys.create({ name: 'Revoked', permission_set: 'full_access' });
  await server.sdk().apiKeys.revoke(made.api_key.id);
  return async () => server.as(made.raw_key);
}

/** Whose audit log has its first entry in the tree: what is asked of it is the same at each run. */
async function logged(client: Client): Promise<void> {
  const first = async (): Promise<boolean> =>
    (await client.get('/v1/audit-logs/proof/inclusion?index=0')).status === 200;
  await until('the log has its first entry', first);
}

async function aTenant(): Promise<Tenant> {
  const tenant = await addTenant(server, `org-${randomUUID()}`);
  await server.as(tenant.apiKey).post('/v1/api-keys', { name: 'Leaves an entry', scopes: [] });
  await logged(server.as(tenant.apiKey));
  return tenant;
}

async function inPosture(posture: string, trialEndsAt: string | null): Promise<Tenant> {
  const tenant = await aTenant();
  const billing = { posture, ...(trialEndsAt === null ? {} : { trial_ends_at: trialEndsAt }) };
  const set = await server.as().send('PATCH', `/v1/organizations/${tenant.orgId}/billing`, { body: billing });
  if (set.status !== 200) throw new Error(`Setting a posture was answered with ${set.status}: ${set.text}`);
  return tenant;
}

/**
 * What an answer says about permission: who is refused, and how; everybody else got as far as the act itself. A call that
 * is malformed says nothing, and is shown as such.
 */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 423]);
const shown = (status: number): string => (REFUSALS.has(status) ? String(status) : 'in');

/** What another organization finds of ours. */
const shownForeign = (status: number): string => (status < 300 ? 'own' : String(status));

type Column = { name: string; cells: Map<Route, string> };

/**
 * Calls every route, aimed at things that nobody has: whoever is let in finds nothing there. Only the organization is the
 * caller's own, except where it would end.
 */
async function column(name: string, own: string, caller: Caller): Promise<Column> {
  const cells = new Map<Route, string>();
  for (const route of routes) {
    const aim = { ...NOTHING, canary: 'kestrel', ...(endsItself(route) ? {} : { orgId: own }) };
    cells.set(route, shown((await send(await caller(route), callOf(route, aim))).status));
  }
  return { name, cells };
}

/** Calls every route that is about something with what is ours. */
async function foreignColumn(name: string, client: Client): Promise<Column> {
  const cells = new Map<Route, string>();
  for (const route of routes) {
    const aim = route.params === undefined ? { ...NOTHING, canary: 'kestrel' } : estate;
    cells.set(route, shownForeign((await send(client, callOf(route, aim))).status));
  }
  return { name, cells };
}

await logged(server.as());
const foreign = await aTenant();
const columns: Column[] = [];
for (const role of ROLES) columns.push(await column(role, orgId, await memberOf(role)));
for (const template of TEMPLATES) columns.push(await column(template, orgId, await keyOf(template)));
columns.push(await column('platform', orgId, async () => server.as()));
columns.push(await foreignColumn('foreign', server.as(foreign.apiKey)));
columns.push(await column('none', orgId, async () => server.anonymous));
columns.push(await column('revoked', orgId, await revoked()));
for (const [name, posture, ends] of POSTURES) {
  const tenant = await inPosture(posture, ends);
  columns.push(await column(name, tenant.orgId, async () => server.as(tenant.apiKey)));
}

const HEAD = `Who gets how far. Made by acceptance/matrix.test.ts over the real API; update it with \`vitest run -u\` and read the diff.

in   got as far as the act itself          401  not known
403  known, and not permitted              423  billing is inactive
400  malformed: says nothing of permission
platform: the key of an administrator of the installation.
foreign: a full-access key of another organization, aimed at ours: 404 finds nothing, own sees its own.
From trial on: a full-access key of an organization in that billing posture.
`;

function render(): string {
  const names = columns.map(({ name }) => name);
  const lines = routes
    .map((route) => ({ title: nameOf(route), cells: columns.map(({ cells }) => cells.get(route) ?? '') }))
    .sort((a, b) => (a.title < b.title ? -1 : 1));
  const width = Math.max(...lines.map(({ title }) => title.length));
  const row = (title: string, cells: readonly string[]): string =>
    `${title.padEnd(width)}  ${cells.map((cell, index) => cell.padEnd(names[index]?.length ?? 0)).join('  ')}`.trimEnd();
  return [HEAD, row('', names), ...lines.map(({ title, cells }) => row(title, cells)), ''].join('\n');
}

const cellOf = (name: string, route: Route): string =>
  columns.find((each) => each.name === name)?.cells.get(route) ?? 'missing';

test('the matrix is the one that was reviewed', async () => {
  await expect(render()).toMatchFileSnapshot('matrix.txt');
});

describe.each(routes.map((route) => [nameOf(route), route] as const))('%s', (_name, route) => {
  const { scope, effect } = declaredOf(route.operation);

  test('refuses who is not known, and a revoked key, unless it is open to everybody', () => {
    // What is open to everybody may still refuse what it was brought: a signature that is none, say.
    if (!route.isPublic) expect(cellOf('none', route)).toBe('401');
    expect(cellOf('revoked', route)).toBe('401');
  });

  test('closes with the billing exactly when it starts new work', () => {
    for (const name of ['trial over', 'past due', 'leaving']) {
      const isPermitted = ['in', '400'].includes(cellOf('trial', route));
      const isClosed = effect === 'create' && scope !== 'public' && isPermitted;
      expect([name, cellOf(name, route) === '423']).toEqual([name, isClosed]);
    }
  });

  test('lets in no lower role where a higher one is refused', () => {
    const refusedAt = ROLES.findIndex((role) => cellOf(role, route) === '403');
    const lower = refusedAt < 0 ? [] : ROLES.slice(refusedAt);
    expect(lower.filter((role) => cellOf(role, route) !== '403')).toEqual([]);
  });
});
