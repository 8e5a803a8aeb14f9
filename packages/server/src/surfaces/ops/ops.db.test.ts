import { opsRoutes } from '@assay/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { type ServedApi, servedApi } from '../../../test/served-api.ts';
import { testServer } from '../../../test/test-server.ts';
import { until } from '../../../test/until.ts';

const db = testDatabase();
const server = testServer();
let api: ServedApi;
beforeAll(async () => {
  api = await servedApi(db);
});
afterAll(() => api[Symbol.asyncDispose]());

describe('health', () => {
  test('is told to everybody, and asks the database nothing, whatever credential comes along', async () => {
    for (const headers of [{}, { 'x-api-key': 'sk_nonsense' }, { authorization: 'Bearer eyJ.a.b' }]) {
      expect(await api.ask('GET /healthz', { headers })).toMatchObject({ status: 200, body: { status: 'ok' } });
    }
  });

  test('goes on while every connection to the database is cut, and readiness comes back by itself', async () => {
    const { rows } = await server.admin.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = $1 and application_name like 'assay-%' and application_name not like 'assay-test%'`,
      [db.name],
    );
    expect(rows.length).toBeGreaterThan(0);
    await server.terminate(...rows.map(({ pid }) => pid));
    expect((await api.ask('GET /healthz')).status).toBe(200);
    await until('the database is reached again', async () => {
      const { body } = await api.ask('GET /readyz');
      const { checks } = body as { checks: { name: string; ok: boolean }[] };
      return checks.filter(({ name }) => name !== 'runners').every(({ ok }) => ok);
    });
  });
});

describe('readiness', () => {
  test('says what is missing, as the contract has it', async () => {
    const answer = await api.ask('GET /readyz');
    expect(answer.status).toBe(503);
    expect(opsRoutes.readyz.answers[503].schema.parse(answer.body)).toEqual(answer.body);
    const { checks } = answer.body as { checks: { name: string; ok: boolean; detail: string }[] };
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['database', true],
      ['migrations', true],
      ['queue', true],
      ['encryption_keys', true],
      ['runners', false],
      ['grpc', true],
    ]);
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});

describe('documents', () => {
  test('of the API are served in 3.1 to programs and in 3.0 to the clients that need it', async () => {
    expect((await api.ask('GET /openapi.json')).body).toMatchObject({ openapi: '3.1.0' });
    const { status, headers, text } = await api.ask('GET /api/openapi.yaml');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/yaml; charset=utf-8');
    expect(text).toMatch(/^openapi: 3\.0\.3$/m);
  });

  test('to read load nothing from elsewhere', async () => {
    for (const path of ['/docs', '/api/docs']) {
      const { status, headers, text } = await api.ask(`GET ${path}`);
      expect(status).toBe(200);
      expect(headers.get('content-security-policy')).toMatch(/default-src 'self'/);
      expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    }
  });

  test('of the counters are in the text format of Prometheus', async () => {
    const { status, headers, text } = await api.ask('GET /metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toMatch(/^# TYPE assay_operation_seconds histogram$/m);
  });
});
