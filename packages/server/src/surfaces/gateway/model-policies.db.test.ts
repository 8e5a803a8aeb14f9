import { controlRoutes } from '@assay/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { fakeProvider, json, openAiAnswer } from '../../../test/fakes/model-provider.ts';
import { untilBilled } from '../../../test/metering.ts';
import { aKey, aPerson, type Person } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { newId } from '../../kernel/ids.ts';
import { KEY_TEMPLATES } from '../../modules/access/index.ts';

const db = testDatabase();
const first = fakeProvider();
const second = fakeProvider();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off', '--outbound-networks', 'loopback']);
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(() => {
  for (const upstream of [first, second])
    upstream.respond = (_received, response) =>
      json(response, 200, openAiAnswer('Hello.', { prompt: 3, completion: 2 }));
});

type Caller = Person & { key: string; id: string };

async function caller(of: { orgId?: string } = {}): Promise<Caller> {
  const person = await aPerson(db, of);
  const { raw, id } = await aKey(db, {
    orgId: person.orgId,
    createdBy: person.userId,
    scopes: KEY_TEMPLATES.full_access,
  });
  return { ...person, key: raw, id };
}

const policyPath = (kind: string, id: string): string => `/v1/model-policies/${kind}/${id}`;

async function setPolicy({ key }: Caller, [kind, id]: readonly [string, string], body: object): Promise<Answer> {
  const answer = await api.ask(`PUT ${policyPath(kind, id)}`, { key, body });
  expect(answer.status, answer.text).toBe(200);
  return answer;
}

async function aTeam({ key, userId }: Caller, { withCaller = true } = {}): Promise<string> {
  const answer = await api.ask('POST /v1/teams', { key, body: { name: `Team ${newId()}` } });
  const { id } = (answer.body as { data: { team: { id: string } } }).data.team;
  if (withCaller) await api.ask(`PUT /v1/teams/${id}/members/${userId}`, { key, body: {} });
  return id;
}

const chat = ({ key }: Pick<Caller, 'key'>, model: string, headers: Record<string, string> = {}): Promise<Answer> =>
  api.ask('POST /v1/chat/completions', {
    key,
    headers,
    body: { model, max_tokens: 5, messages: [{ role: 'user', content: 'Hello there.' }] },
  });
const errorOf = ({ body }: Answer): { message: string; code: string } =>
  (body as { error: { message: string; code: string } }).error;

/** Two providers of a model `house`. */
async function twoProviders({ key }: Caller): Promise<void> {
  for (const [name, upstream] of [
    ['first', first],
    ['second', second],
  ] as const) {
    const body = {
      name,
      kind: 'openai-compatible',
      base_url: `${upstream.url}/v1`,
      models: [{ id: 'house-1', alias: 'house' }],
    };
    const answer = await api.ask('POST /v1/providers', { key, body });
    expect(answer.status, answer.text).toBe(201);
  }
}

const recordsOf = async (orgId: string) => {
  await untilBilled(db, orgId);
  const { rows } = await db.owner.query(
    `select team_id, project_id, agent_id, api_key_id, tags, provider from usage_records where org_id = $1 order by at`,
    [orgId],
  );
  return rows;
};

describe('a model policy', () => {
  test('is set, seen, listed, changed in the version that was read, and deleted', async () => {
    const owner = await caller();
    const path = policyPath('organization', owner.orgId);
    const made = await setPolicy(owner, ['organization', owner.orgId], { models: ['gpt-*'], tokens_per_minute: 1_000 });
    expect(made.headers.get('etag')).toBe('"1"');
    const schema = controlRoutes.getModelPolicy.answers[200].schema;
    const seen = await api.ask(`GET ${path}`, { key: owner.key });
    expect(schema.parse(seen.body).data.model_policy).toMatchObject({
      subject: { kind: 'organization', id: owner.orgId },
      providers: null,
      models: ['gpt-*'],
      tokens_per_minute: 1_000,
      team_id: null,
      cache: null,
      updated_by: owner.id,
    });
    await setPolicy(owner, ['api_key', owner.id], { cache: { ttl_seconds: 60 } });
    const page = await api.ask('GET /v1/model-policies?limit=1', { key: owner.key });
    const next = (page.body as { links: { next: string } }).links.next;
    const rest = await api.ask(`GET ${next}`, { key: owner.key });
    const kinds = [page, rest].flatMap(({ body }) =>
      (body as { data: { model_policies: { subject: { kind: string } }[] } }).data.model_policies.map(
        ({ subject }) => subject.kind,
      ),
    );
    expect(kinds).toEqual(['api_key', 'organization']);
    const stale = { key: owner.key, headers: { 'if-match': '"7"' } };
    expect((await api.ask(`PUT ${path}`, { ...stale, body: {} })).status).toBe(412);
    expect((await api.ask(`DELETE ${path}`, stale)).status).toBe(412);
    expect((await setPolicy(owner, ['organization', owner.orgId], {})).headers.get('etag')).toBe('"2"');
    expect((await api.ask(`DELETE ${path}`, { key: owner.key, headers: { 'if-match': '"2"' } })).status).toBe(200);
    expect((await api.ask(`GET ${path}`, { key: owner.key })).status).toBe(404);
    const { rows } = await db.owner.query(
      `select action from audit_leaves where org_id = $1 and action like 'model_policy.%' order by id`,
      [owner.orgId],
    );
    const acts = ['model_policy.set', 'model_policy.set', 'model_policy.set', 'model_policy.deleted'];
    expect(rows.map(({ action }) => action)).toEqual(acts);
    const events = await db.owner.query(
      `select type from events where org_id = $1 and type like 'model_policy.%' order by xid, id`,
      [owner.orgId],
    );
    expect(events.rows.map(({ type }) => type)).toEqual(acts);
  });

  test('is of nobody but a subject of the organization, and binds keys to its own teams', async () => {
    const [owner, stranger] = [await caller(), await caller()];
    const team = await aTeam(stranger);
    for (const [kind, id] of [
      ['organization', stranger.orgId],
      ['team', team],
      ['api_key', stranger.id],
      ['api_key', 'nothing'],
    ]) {
      const answer = await api.ask(`PUT ${policyPath(String(kind), String(id))}`, { key: owner.key, body: {} });
      expect([kind, answer.status]).toEqual([kind, 404]);
    }
    const refused = [
      [policyPath('api_key', owner.id), { team_id: team }],
      [policyPath('organization', owner.orgId), { team_id: await aTeam(owner) }],
      [policyPath('organization', owner.orgId), { models: ['two words'] }],
      [policyPath('organization', owner.orgId), { tokens_per_minute: 0 }],
      [policyPath('organization', owner.orgId), { of_tomorrow: true }],
    ] as const;
    for (const [path, body] of refused)
      expect([body, (await api.ask(`PUT ${path}`, { key: owner.key, body })).status]).toEqual([body, 400]);
  });

  test('is read by who may see providers, and set by who may change them', async () => {
    const owner = await caller();
    const { raw: reader } = await aKey(db, {
      orgId: owner.orgId,
      createdBy: owner.userId,
      scopes: ['providers:read'],
    });
    const path = policyPath('organization', owner.orgId);
    expect((await api.ask(`PUT ${path}`, { key: reader, body: {} })).status).toBe(403);
    await setPolicy(owner, ['organization', owner.orgId], {});
    expect((await api.ask(`GET ${path}`, { key: reader })).status).toBe(200);
  });
});

describe('a call', () => {
  test('is refused in its own dialect before anything is reserved, with the policy and what it allows', async () => {
    const owner = await caller();
    await setPolicy(owner, ['organization', owner.orgId], { providers: ['first', 'e*'] });
    await setPolicy(owner, ['api_key', owner.id], { models: ['gpt-*', 'o3'] });
    const answer = await chat(owner, 'echo');
    expect([answer.status, errorOf(answer).code]).toEqual([403, 'permission_denied']);
    expect(errorOf(answer).message).toMatch(`API key ${owner.id} allows only the models gpt-*, o3, and "echo"`);
    const message = { model: 'echo', max_tokens: 5, messages: [{ role: 'user', content: 'Hello.' }] };
    const claude = await api.ask('POST /v1/messages', { key: owner.key, body: message });
    expect([claude.status, claude.body]).toMatchObject([403, { type: 'error', error: { type: 'permission_error' } }]);
    const own = { model: 'echo', input: 'Hello.' };
    for (const path of ['execute', 'execute/stream', 'estimate']) {
      const refused = await api.ask(`POST /v1/providers/${path}`, { key: owner.key, body: own });
      expect([path, refused.status]).toEqual([path, 403]);
    }
    const { rows } = await db.owner.query('select 1 from reservations where org_id = $1', [owner.orgId]);
    expect([rows, await recordsOf(owner.orgId)]).toEqual([[], []]);
    const log = await db.owner.query(
      `select detail from audit_leaves where org_id = $1 and action = 'providers.chat.execute' and outcome = 'refused'`,
      [owner.orgId],
    );
    expect(log.rows[0].detail).toMatchObject({ reason: 'provider.not_allowed' });
  });

  test('falls to no provider that a policy leaves out, however the others fail', async () => {
    const owner = await caller();
    await twoProviders(owner);
    await setPolicy(owner, ['api_key', owner.id], { providers: ['first'] });
    first.respond = (_received, response) => void response.writeHead(500).end();
    expect((await chat(owner, 'house')).status).toBe(503);
    expect([first.received.length > 0, second.received.length]).toEqual([true, 0]);
    const named = await chat(owner, 'second/house');
    expect([named.status, second.received.length]).toEqual([403, 0]);
    // Without the policy, the same call finds its way.
    await api.ask(`DELETE ${policyPath('api_key', owner.id)}`, { key: owner.key });
    expect((await chat(owner, 'second/house')).status).toBe(200);
  });

  test('may ask what the name or the alias of a model is listed for', async () => {
    const owner = await caller();
    await twoProviders(owner);
    await setPolicy(owner, ['organization', owner.orgId], { models: ['hou*e'] });
    expect((await chat(owner, 'house')).status).toBe(200);
    expect((await chat(owner, 'first/house-1')).status).toBe(200);
    expect((await chat(owner, 'first/other')).status).toBe(403);
  });

  test('is listed the models that it may ask, and no others', async () => {
    const owner = await caller();
    await twoProviders(owner);
    const models = async (headers = {}): Promise<string[]> => {
      const { body } = await api.ask('GET /v1/models', { key: owner.key, headers });
      return (body as { data: { id: string; owned_by: string }[] }).data.map(({ id }) => id);
    };
    expect(await models()).toEqual(['echo', 'house']);
    const team = await aTeam(owner);
    await setPolicy(owner, ['team', team], { providers: ['first'] });
    expect(await models({ 'x-assay-team': team })).toEqual(['house']);
    await setPolicy(owner, ['organization', owner.orgId], { models: ['echo'] });
    expect(await models()).toEqual(['echo']);
    expect(await models({ 'x-assay-team': team })).toEqual([]);
  });
});

describe('what a call is billed to', () => {
  test('is what its headers say: team, project, agent and tags, in records, sums and budgets', async () => {
    const owner = await caller();
    const team = await aTeam(owner);
    const budget = {
      name: 'Apollo',
      scope: { kind: 'project', id: 'apollo/11' },
      period: 'month',
      limit_micros: 1_000,
    };
    await api.ask('POST /v1/budgets', { key: owner.key, body: budget });
    const said = {
      'x-assay-team': team.toUpperCase(),
      'x-assay-project': 'apollo/11',
      'x-assay-agent': 'planner@2',
      'x-assay-tags': 'stage=landing, crew=two of three',
    };
    expect((await chat(owner, 'echo', said)).status).toBe(200);
    expect(await recordsOf(owner.orgId)).toMatchObject([
      {
        team_id: team,
        project_id: 'apollo/11',
        agent_id: 'planner@2',
        api_key_id: owner.id,
        tags: { stage: 'landing', crew: 'two of three' },
      },
    ]);
    const usage = await api.ask(`GET /v1/organizations/${owner.orgId}/usage?group_by=team,project,agent`, {
      key: owner.key,
    });
    expect(usage.text).toContain(team);
    const { rows } = await db.owner.query(
      'select spent_micros::integer as spent from budget_counters where org_id = $1',
      [owner.orgId],
    );
    expect(rows).toEqual([{ spent: 4 }]);
    // More than is left: refused for the project, and for nobody else.
    expect((await chat(owner, 'echo@1000', said)).status).toBe(429);
    expect((await chat(owner, 'echo@1000')).status).toBe(200);
  });

  test.each([
    [{ 'x-assay-team': 'research' }, 400],
    [{ 'x-assay-team': newId() }, 400],
    [{ 'x-assay-project': 'two words' }, 400],
    [{ 'x-assay-project': 'x'.repeat(201) }, 400],
    [{ 'x-assay-agent': '<script>' }, 400],
    [{ 'x-assay-tags': 'no value' }, 400],
    [{ 'x-assay-tags': 'a=1,a=2' }, 400],
    [{ 'x-assay-tags': Array.from({ length: 17 }, (_, at) => `t${at}=x`).join() }, 400],
  ])('is refused where it is no such thing: %o', async (headers, status) => {
    const owner = await caller();
    expect((await chat(owner, 'echo', headers)).status).toBe(status);
    expect(await recordsOf(owner.orgId)).toEqual([]);
  });

  test('is a team of those who are in it, from the moment that they are to the moment that they are not', async () => {
    const owner = await caller();
    const guest = await caller({ orgId: owner.orgId });
    const { raw } = await aKey(db, {
      orgId: owner.orgId,
      createdBy: guest.userId,
      scopes: ['providers:execute'],
    });
    const team = await aTeam(owner, { withCaller: false });
    const asGuest = async (): Promise<number> => (await chat({ key: raw }, 'echo', { 'x-assay-team': team })).status;
    expect(await asGuest()).toBe(403);
    // Who may change any team may count for any.
    expect((await chat(owner, 'echo', { 'x-assay-team': team })).status).toBe(200);
    const seat = `/v1/teams/${team}/members/${guest.userId}`;
    await api.ask(`PUT ${seat}`, { key: owner.key, body: {} });
    expect(await asGuest()).toBe(200);
    await api.ask(`DELETE ${seat}`, { key: owner.key });
    expect(await asGuest()).toBe(403);
    const foreign = await aTeam(await caller());
    expect((await chat(owner, 'echo', { 'x-assay-team': foreign })).status).toBe(400);
  });

  test('is the team that a policy says of the key, and no other', async () => {
    const owner = await caller();
    const [team, other] = [await aTeam(owner), await aTeam(owner)];
    await setPolicy(owner, ['api_key', owner.id], { team_id: team });
    await setPolicy(owner, ['team', other], { models: [] });
    expect((await chat(owner, 'echo')).status).toBe(200);
    const refused = await chat(owner, 'echo', { 'x-assay-team': other });
    expect([refused.status, errorOf(refused).message]).toEqual([403, expect.stringContaining(team)]);
    expect(await recordsOf(owner.orgId)).toMatchObject([{ team_id: team }]);
    await setPolicy(owner, ['team', team], { models: [] });
    expect((await chat(owner, 'echo')).status).toBe(403);
    // A team that is gone holds nobody.
    await api.ask(`DELETE /v1/teams/${team}`, { key: owner.key });
    expect((await chat(owner, 'echo')).status).toBe(200);
  });
});
