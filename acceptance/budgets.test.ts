import type { controlRoutes } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/*
 * Caps that hold, seen from outside: calls of the built-in echo, which costs what its name says, on a server that is killed.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
await until('the API answers', async () => (await server.as().get('/v1/me')).status === 200, 60_000);
const { organization_id: orgId } = await server.sdk().me();

type Budget = z.output<(typeof controlRoutes.getBudget.answers)[200]['schema']>['data']['budget'];
type Usage = z.output<(typeof controlRoutes.summarizeUsage.answers)[200]['schema']>['data']['usage'];
type Records = z.output<(typeof controlRoutes.listUsageRecords.answers)[200]['schema']>['data']['usage_records'];

const data = async <Data>(path: string): Promise<Data> => {
  const { status, body, text } = await server.as().get(path);
  expect(status, text).toBe(200);
  return (body as { data: Data }).data;
};
const budgetOf = async (id: string): Promise<Budget> => (await data<{ budget: Budget }>(`/v1/budgets/${id}`)).budget;
const usageOf = async (): Promise<Usage> => (await data<{ usage: Usage }>(`/v1/organizations/${orgId}/usage`)).usage;
const recordsOf = async (): Promise<Records> =>
  (await data<{ usage_records: Records }>(`/v1/organizations/${orgId}/usage/records?limit=200`)).usage_records;

async function aBudget(limit: number): Promise<string> {
  const body = { name: 'Everything', scope: { kind: 'organization' }, period: 'total', limit_micros: limit };
  const answer = await server.as().post('/v1/budgets', body);
  expect(answer.status, answer.text).toBe(201);
  return (answer.body as { data: { budget: Budget } }).data.budget.id;
}

const chat = (model: string, words: number, stream: boolean, signal?: AbortSignal): Promise<Response> =>
  fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.credentials.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      stream,
      max_tokens: words,
      messages: [{ role: 'user', content: 'word '.repeat(words).trim() }],
    }),
    signal: signal ?? null,
  });

describe('a budget', () => {
  test('holds under 64 callers at once, survives a kill in mid-stream, and agrees with usage to the micro-dollar', async () => {
    const id = await aBudget(200_000);
    let pieces = 0;
    const streaming = Array.from({ length: 64 }, async () => {
      const answer = await chat('echo-20ms@5', 400, true);
      if (answer.status !== 200) return answer.status;
      try {
        for await (const _piece of answer.body ?? []) pieces++;
      } catch {
        // The server was killed.
      }
      return 200;
    });
    await until('the streams flow', () => pieces > 500, 30_000);
    const during = await budgetOf(id);
    expect(during.spent_micros + during.reserved_micros).toBeLessThanOrEqual(during.limit_micros);
    expect(during.reserved_micros).toBeGreaterThan(0);
    server.signal('SIGKILL');
    await server.exited;
    const answered = await Promise.all(streaming);
    expect(answered.filter((status) => status === 429).length).toBeGreaterThan(0);
    expect(answered.filter((status) => status === 200).length).toBeGreaterThan(0);

    await server.start();
    const after = await until('the calls are settled', async () => {
      const budget = await budgetOf(id);
      return budget.reserved_micros === 0 ? budget : null;
    });
    const [usage, records] = [await usageOf(), await recordsOf()];
    expect(after.spent_micros).toBeGreaterThan(0);
    expect(after.spent_micros).toBeLessThanOrEqual(after.limit_micros);
    expect(usage.total.cost_micros).toBe(after.spent_micros);
    expect(records.reduce((sum, { cost_micros }) => sum + cost_micros, 0)).toBe(after.spent_micros);
    expect(records.filter(({ outcome }) => outcome === 'lost').length).toBeGreaterThan(0);
    // By the journal of the same machine, to the piece: nothing had to be estimated.
    expect(records.filter(({ is_estimated }) => is_estimated)).toEqual([]);
  });

  test('that is used up refuses in the words of the vendor, says why, and lets free calls pass', async () => {
    const [budget] = (await data<{ budgets: Budget[] }>('/v1/budgets')).budgets;
    await server.as().send('PATCH', `/v1/budgets/${budget?.id}`, { body: { limit_micros: 1 } });
    const refused = await chat('echo@5', 10, false);
    expect(refused.status).toBe(429);
    const { error } = (await refused.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe('insufficient_quota');
    expect(error.message).toContain('The budget "Everything" allows $0.000001 in all');
    expect((await chat('echo@0', 10, false)).status).toBe(200);
  });
});
