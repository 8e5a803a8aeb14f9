import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { type Answer, type ServedApi, servedApi } from '../../../test/served-api.ts';
import { ROLE_SCOPES } from '../../modules/access/index.ts';

const db = testDatabase();
let api: ServedApi;
let key: string;
beforeAll(async () => {
  api = await servedApi(db, ['--rate-limits', 'off']);
  const { orgId, userId } = await aPerson(db, { role: 'admin' });
  ({ raw: key } = await aKey(db, { orgId, createdBy: userId, scopes: [...ROLE_SCOPES.admin] }));
});
afterAll(() => api[Symbol.asyncDispose]());

const codeOf = ({ status, body }: Answer): string =>
  `${status} ${(body as { error: { code: string } | null }).error?.code ?? 'done'}`;

describe('the address of a provider', () => {
  test.each([
    'http://127.0.0.1:11434',
    'https://127.0.0.1/v1',
    'https://2130706433/v1',
    'https://0x7f.1/v1',
    'https://[::1]/v1',
    'https://[::ffff:10.0.0.1]/v1',
    'https://169.254.169.254/latest',
    'https://10.1.2.3/v1',
    'https://192.168.0.1/v1',
    'https://100.64.0.1/v1',
    'https://[fd00::1]/v1',
    'http://93.184.215.14/v1',
  ])('cannot be %s', async (base_url) => {
    const body = { name: 'inner', kind: 'openai-compatible', base_url };
    expect(codeOf(await api.ask('POST /v1/providers', { key, body }))).toBe('400 destination_refused');
  });

  test('cannot become one of these', async () => {
    const body = { name: 'outer', kind: 'openai-compatible', base_url: 'https://models.example/v1' };
    const made = await api.ask('POST /v1/providers', { key, body });
    expect(codeOf(made)).toBe('201 done');
    const { id } = (made.body as { data: { provider: { id: string } } }).data.provider;
    const moved = await api.ask(`PATCH /v1/providers/${id}`, { key, body: { base_url: 'https://10.0.0.1/v1' } });
    expect(codeOf(moved)).toBe('400 destination_refused');
  });
});
