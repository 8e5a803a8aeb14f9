import { ControlError, controlRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { testDatabase } from '../../../test/database.ts';
import { someClaims } from '../../../test/metering.ts';
import { aKey, aPerson, type Person } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { newId } from '../../kernel/ids.ts';
import { KEY_TEMPLATES } from '../../modules/access/index.ts';
import type { Claims } from '../../modules/metering/index.ts';

const db = testDatabase();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off']);
});
afterAll(() => api[Symbol.asyncDispose]());

type Owner = Person & { key: string; id: string };

async function owner(scopes: readonly string[] = KEY_TEMPLATES.full_access): Promise<Owner> {
  const person = await aPerson(db);
  const { raw, id } = await aKey(db, { orgId: person.orgId, createdBy: person.userId, scopes });
  return { ...person, key: raw, id };
}

type Answers = Readonly<Record<number, { schema?: z.ZodType }>>;
type DataOf<Of extends { answers: Answers }> = Of['answers'][keyof Of['answers'] & number] extends {
  schema: infer Schema extends z.ZodType;
}
  ? z.output<Schema> extends { data: infer Data }
    ? Data
    : never
  : never;

/** The data of an answer that is just as the contract has it. */
function dataOf<Of extends { answers: Answers }>(answer: Answer, route: Of): DataOf<Of> {
  const schema = route.answers[answer.status]?.schema;
  expect(schema, `status ${answer.status}: ${answer.text}`).toBeDefined();
  expect(schema?.parse(answer.body)).toEqual(answer.body);
  return (answer.body as { data: DataOf<Of> }).data;
}

function expectRefusal(answer: Answer, status: number, code: string): void {
  expect(ControlError.parse(answer.body)).toEqual(answer.body);
  expect(answer).toMatchObject({ status, body: { error: { code } } });
}

/** A call that was made and billed. */
async function spend(orgId: string, cost: number, claims: Partial<Claims> = {}): Promise<void> {
  const hold = await api.app.core.metering.ledger.reserve({ claims: someClaims(orgId, claims), amount: cost + 10 });
  await hold.settle({ cost, quantities: { input: cost, output: 2 * cost, cacheRead: 1 }, outcome: 'completed' });
}

const MONTHLY = { name: 'Everything', scope: { kind: 'organization' }, period: 'month', limit_micros: 1_000 };

describe('a budget', () => {
  test('is made, seen, listed, changed and deleted', async () => {
    const { key, orgId } = await owner();
    const made = await api.ask('POST /v1/budgets', { key, body: { ...MONTHLY, thresholds: [80, 50, 80] } });
    const { budget } = dataOf(made, controlRoutes.createBudget);
    expect(budget).toMatchObject({
      scope: { kind: 'organization', id: orgId },
      spent_micros: 0,
      reserved_micros: 0,
      remaining_micros: 1_000,
      thresholds: [50, 80],
    });
    const start = new Date(budget.period_start);
    expect(new Date(budget.resets_at ?? 0)).toEqual(
      new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1)),
    );
    const hold = await api.app.core.metering.ledger.reserve({ claims: someClaims(orgId), amount: 300 });
    await spend(orgId, 40);
    const seen = await api.ask(`GET /v1/budgets/${budget.id}`, { key });
    expect(dataOf(seen, controlRoutes.getBudget).budget).toMatchObject({
      spent_micros: 40,
      reserved_micros: 300,
      remaining_micros: 660,
    });
    const listed = dataOf(await api.ask('GET /v1/budgets', { key }), controlRoutes.listBudgets);
    expect(listed.budgets).toMatchObject([{ id: budget.id, spent_micros: 40 }]);

    const lower = { key, body: { limit_micros: 100 }, headers: { 'if-match': String(made.headers.get('etag')) } };
    const lowered = await api.ask(`PATCH /v1/budgets/${budget.id}`, lower);
    expect(dataOf(lowered, controlRoutes.updateBudget).budget).toMatchObject({
      limit_micros: 100,
      remaining_micros: 0,
    });
    expectRefusal(await api.ask(`PATCH /v1/budgets/${budget.id}`, lower), 412, 'precondition_failed');
    await expect(spend(orgId, 1)).rejects.toMatchObject({ kind: 'over_budget' });
    expect(await hold.settle({ cost: 250, quantities: { output: 250 }, outcome: 'completed' })).toEqual({
      cost: 250,
      overrun: 0,
    });
    await api.ask(`PATCH /v1/budgets/${budget.id}`, { key, body: { limit_micros: 310 } });
    await spend(orgId, 10);
    const gone = await api.ask(`DELETE /v1/budgets/${budget.id}`, { key });
    expect(dataOf(gone, controlRoutes.deleteBudget).budget).toMatchObject({ spent_micros: 300, remaining_micros: 10 });
    expectRefusal(await api.ask(`GET /v1/budgets/${budget.id}`, { key }), 404, 'not_found');
    await spend(orgId, 10_000);
    const { rows } = await db.owner.query(
      `select action, detail->'before'->>'limit_micros' as before, detail->'after'->>'limit_micros' as after
       from audit_leaves where org_id = $1 and action like 'budget.%' order by id`,
      [orgId],
    );
    expect(rows).toEqual([
      { action: 'budget.created', before: null, after: '1000' },
      { action: 'budget.updated', before: '1000', after: '100' },
      { action: 'budget.updated', before: '100', after: '310' },
      { action: 'budget.deleted', before: '310', after: null },
    ]);
  });

  test('begins with what its scope was billed in the running period already, and is closed if that is more', async () => {
    const { key, id, orgId } = await owner();
    await spend(orgId, 500, { apiKeyId: id });
    await spend(orgId, 70);
    const ofKey = await api.ask('POST /v1/budgets', {
      key,
      body: { ...MONTHLY, scope: { kind: 'key', id }, limit_micros: 400 },
    });
    expect(dataOf(ofKey, controlRoutes.createBudget).budget).toMatchObject({ spent_micros: 500, remaining_micros: 0 });
    const all = await api.ask('POST /v1/budgets', { key, body: { ...MONTHLY, period: 'total' } });
    expect(dataOf(all, controlRoutes.createBudget).budget).toMatchObject({
      spent_micros: 570,
      remaining_micros: 430,
      resets_at: null,
      period_start: '1970-01-01T00:00:00.000Z',
    });
    await expect(spend(orgId, 1, { apiKeyId: id })).rejects.toMatchObject({ kind: 'over_budget' });
    await spend(orgId, 1);
  });

  test('of a scope and period is there once', async () => {
    const { key } = await owner();
    await api.ask('POST /v1/budgets', { key, body: MONTHLY });
    expectRefusal(await api.ask('POST /v1/budgets', { key, body: MONTHLY }), 409, 'conflict');
  });

  test.each([
    ['negative', { limit_micros: -1 }],
    ['with a part of a micro-dollar', { limit_micros: 0.5 }],
    ['beyond all money', { limit_micros: 1e18 }],
    ['in words', { limit_micros: '100' }],
    ['in another currency', { currency: 'EUR' }],
    ['with a threshold of 0', { thresholds: [0] }],
    ['of a year', { period: 'year' }],
    ['of nobody', { scope: { kind: 'team' } }],
    ['of a team that is not there', { scope: { kind: 'team', id: newId() } }],
    ['of a key that is none', { scope: { kind: 'key', id: "' or 1=1" } }],
    ['of another organization', { scope: { kind: 'organization', id: newId() } }],
    ['of everybody', { scope: { kind: 'everybody' } }],
  ])('%s is refused', async (_, change) => {
    const { key } = await owner();
    expectRefusal(
      await api.ask('POST /v1/budgets', { key, body: { ...MONTHLY, ...change } }),
      400,
      'validation_failed',
    );
  });

  test('is out of reach of another organization, and of who may only read', async () => {
    const [mine, theirs] = [await owner(), await owner()];
    const made = await api.ask('POST /v1/budgets', { key: mine.key, body: MONTHLY });
    const { id } = dataOf(made, controlRoutes.createBudget).budget;
    for (const line of [`GET /v1/budgets/${id}`, `DELETE /v1/budgets/${id}`])
      expectRefusal(await api.ask(line, { key: theirs.key }), 404, 'not_found');
    const foreignKey = { ...MONTHLY, scope: { kind: 'key', id: mine.id } };
    expectRefusal(await api.ask('POST /v1/budgets', { key: theirs.key, body: foreignKey }), 400, 'validation_failed');
    const reader = await aKey(db, { orgId: mine.orgId, createdBy: mine.userId, scopes: ['budgets:read'] });
    expect((await api.ask(`GET /v1/budgets/${id}`, { key: reader.raw })).status).toBe(200);
    expectRefusal(await api.ask(`DELETE /v1/budgets/${id}`, { key: reader.raw }), 403, 'permission_denied');
  });
});

describe('usage', () => {
  test('is summed by what was asked for, and the sums are those of the records', async () => {
    const { key, id, orgId } = await owner();
    const teamId = newId();
    const work = { type: 'job', id: newId() };
    await spend(orgId, 100, { provider: 'openai', model: 'a', teamId, work });
    await spend(orgId, 200, { provider: 'openai', model: 'b', apiKeyId: id, principal: { kind: 'api_key', id } });
    await spend(orgId, 400, { provider: 'anthropic', model: 'c', teamId });
    const at = `/v1/organizations/${orgId}/usage`;
    const ask = async (query: string, by = key) =>
      dataOf(await api.ask(`GET ${at}?${query}`, { key: by }), controlRoutes.summarizeUsage).usage;
    const all = await ask('');
    expect(all.total).toMatchObject({
      records: 3,
      cost_micros: 700,
      estimated_cost_usd: 0.0007,
      input_tokens: 700,
      output_tokens: 1400,
      cache_read_tokens: 3,
    });
    const groups = async (query: string) => (await ask(query)).groups.map((each) => [each.group, each.cost_micros]);
    expect(await groups('group_by=provider')).toEqual([
      [{ provider: 'anthropic' }, 400],
      [{ provider: 'openai' }, 300],
    ]);
    expect(await groups('group_by=team,model&provider=openai')).toEqual([
      [{ team: null, model: 'b' }, 200],
      [{ team: teamId, model: 'a' }, 100],
    ]);
    expect(await groups(`group_by=work_type`)).toEqual([
      [{ work_type: null }, 600],
      [{ work_type: 'job' }, 100],
    ]);
    expect(await groups(`group_by=work&work=${work.id}`)).toEqual([[{ work: work.id }, 100]]);
    const today = new Date().toISOString().slice(0, 10);
    expect(await groups('group_by=day')).toEqual([[{ day: today }, 700]]);
    const hours = await ask('bucket=hour&group_by=key');
    expect(hours.groups[0]?.bucket).toMatch(/:00:00\.000Z$/);
    expect(hours.total.cost_micros).toBe(700);
    expect((await ask('to=2020-01-02T00:00:00Z')).total.records).toBe(0);

    const own = dataOf(await api.ask('GET /v1/me/usage', { key }), controlRoutes.summarizeOwnUsage).usage;
    expect(own.total).toMatchObject({ records: 1, cost_micros: 200 });
    const narrow = await aKey(db, { orgId, scopes: ['usage:read:own'] });
    expect((await ask('', narrow.raw)).total).toMatchObject({ records: 0 });
  });

  test('has records, page by page and by filter', async () => {
    const { key, orgId } = await owner();
    for (const cost of [1, 2, 3, 4, 5])
      await spend(orgId, cost, { model: cost % 2 ? 'odd' : 'even', tags: { n: String(cost) } });
    const seen: number[] = [];
    let path = `/v1/organizations/${orgId}/usage/records?limit=2&model=odd`;
    for (let pages = 0; pages < 5 && path; pages++) {
      const answer = await api.ask(`GET ${path}`, { key });
      const { usage_records } = dataOf(answer, controlRoutes.listUsageRecords);
      seen.push(...usage_records.map((record) => record.cost_micros));
      for (const record of usage_records) expect(record.tags).toEqual({ n: String(record.cost_micros) });
      path = (answer.body as { links: { next?: string } }).links.next ?? '';
    }
    expect(seen).toEqual([5, 3, 1]);
    expectRefusal(
      await api.ask(`GET /v1/organizations/${orgId}/usage/records?cursor=abc`, { key }),
      400,
      'invalid_cursor',
    );
  });

  test('of another organization is not there', async () => {
    const [mine, theirs] = [await owner(), await owner()];
    await spend(theirs.orgId, 5);
    for (const path of ['usage', 'usage/records', 'prices'])
      expectRefusal(
        await api.ask(`GET /v1/organizations/${theirs.orgId}/${path}`, { key: mine.key }),
        404,
        'not_found',
      );
  });

  test.each([
    'group_by=colour',
    'group_by=day,day',
    'group_by=key,team,model,day',
    'bucket=minute',
    'from=yesterday',
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    'group_by=work&from=2020-01-01T00:00:00Z',
  ])('is not told for %s', async (query) => {
    const { key, orgId } = await owner();
    expectRefusal(await api.ask(`GET /v1/organizations/${orgId}/usage?${query}`, { key }), 400, 'validation_failed');
  });
});

describe('a price', () => {
  const rates = { input: 2_000_000, output: 8_000_000, cache_read: 100_000 };

  test('is the catalogue’s until the organization sets its own, at once or from a later day on', async () => {
    const { key, orgId } = await owner();
    const path = `/v1/organizations/${orgId}/prices/openai/gpt-4o-mini`;
    const get = async () => dataOf(await api.ask(`GET ${path}`, { key }), controlRoutes.getPrice).price;
    expect(await get()).toMatchObject({
      source: 'catalogue',
      rates: { input: 150_000, output: 600_000 },
      batch_percent: 50,
    });
    const set = await api.ask(`PUT ${path}`, {
      key,
      body: { rates, tiers: [{ above: 1_000, rates: { input: 3_000_000 } }] },
    });
    expect(dataOf(set, controlRoutes.setPrice).price).toMatchObject({
      source: 'organization',
      price_version: 'override:1',
      rates,
      tiers: [{ above: 1_000, rates: { input: 3_000_000 } }],
    });
    const later = new Date(Date.now() + 86_400_000).toISOString();
    const etag = String(set.headers.get('etag'));
    const next = {
      key,
      body: { rates: { input: 1, output: 1 }, effective_from: later },
      headers: { 'if-match': etag },
    };
    const announced = dataOf(await api.ask(`PUT ${path}`, next), controlRoutes.setPrice).price;
    expect(announced).toMatchObject({ rates, upcoming: [{ version: 2, effective_from: later }] });
    expectRefusal(await api.ask(`PUT ${path}`, next), 412, 'precondition_failed');
    const { prices } = api.app.core.metering;
    const model = { orgId, provider: 'openai', model: 'gpt-4o-mini' };
    expect(await prices.priceOf(model, new Date())).toMatchObject({ version: 'override:1' });
    expect(await prices.priceOf(model, new Date(later))).toMatchObject({ version: 'override:2' });
    expect(await prices.priceOf({ ...model, orgId: newId() }, new Date())).toMatchObject({
      version: expect.stringMatching(/^genai-prices@/),
    });
    const reset = await api.ask(`DELETE ${path}`, { key });
    expect(dataOf(reset, controlRoutes.resetPrice).price).toMatchObject({
      source: 'catalogue',
      upcoming: [{ version: 2 }],
    });
    const listed = dataOf(await api.ask(`GET /v1/organizations/${orgId}/prices`, { key }), controlRoutes.listPrices);
    expect(listed.prices).toMatchObject([{ provider: 'openai', model: 'gpt-4o-mini', version: 3, rates: null }]);
  });

  test('of a model that nobody knows is none, and can be set, whatever the model is called', async () => {
    const { key, orgId } = await owner();
    const path = `/v1/organizations/${orgId}/prices/house/${encodeURIComponent('llama/3 70b?')}`;
    const none = dataOf(await api.ask(`GET ${path}`, { key }), controlRoutes.getPrice).price;
    expect(none).toMatchObject({ source: 'none', rates: null, model: 'llama/3 70b?' });
    expect((await api.ask(`PUT ${path}`, { key, body: { rates: { input: 0, output: 0 } } })).status).toBe(200);
    expectRefusal(await api.ask(`DELETE /v1/organizations/${orgId}/prices/house/other`, { key }), 404, 'not_found');
  });

  test.each([
    ['in the past', { rates, effective_from: '2020-01-01T00:00:00Z' }],
    ['below nothing', { rates: { ...rates, input: -1 } }],
    ['without what goes out', { rates: { input: 1 } }],
    ['of what nobody counts', { rates: { ...rates, colour: 1 } }],
    ['beyond all money', { rates: { ...rates, output: 1e15 } }],
    [
      'with tiers the wrong way round',
      {
        rates,
        tiers: [
          { above: 5, rates },
          { above: 1, rates },
        ],
      },
    ],
    ['in another currency', { rates, currency: 'EUR' }],
  ])('%s is refused', async (_, body) => {
    const { key, orgId } = await owner();
    const path = `/v1/organizations/${orgId}/prices/openai/gpt-4o`;
    expectRefusal(await api.ask(`PUT ${path}`, { key, body }), 400, 'validation_failed');
  });
});
