import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { controlRoutes } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { inDatabase } from './harness/database.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/*
 * Secrets go in, in every way that there is, wrong ones among them, at the most talkative log level; then everything that
 * the server has said, shown or stored is searched for them. In between its master key is replaced, twice.
 */
const random = (): string => randomBytes(15).toString('hex');
const CANARIES = {
  'the value of a secret': `secret-canary-${random()}`,
  'the value of a secret that was replaced': `replaced-canary-${random()}`,
  'an API key in a credential': `api-key-canary-${random()}`,
  'a password in a credential': `password-canary-${random()}`,
  'the secret of a client': `client-canary-${random()}`,
  'a token from an issuer': `token-canary-${random()}`,
  'a value that was refused': `refused-canary-${random()}`,
};
type Canary = keyof typeof CANARIES;
const of = (name: Canary): string => CANARIES[name];

/** An issuer that gives a token, and shows all that it was sent in what it refuses. */
const issuer = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const isFine = request.url === '/token';
  response.writeHead(isFine ? 200 : 400, { 'content-type': 'application/json' });
  const said = `${text} ${request.headers.authorization}`;
  const token = { access_token: of('a token from an issuer'), token_type: 'Bearer', expires_in: 3600 };
  response.end(JSON.stringify(isFine ? token : { error: 'invalid_grant', error_description: said }));
});
issuer.listen(0, '127.0.0.1');
await once(issuer, 'listening');
const issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
afterAll(() => void issuer.close());

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off', ASSAY_LOG_LEVEL: 'debug', ASSAY_OUTBOUND_NETWORKS: '127.0.0.1' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const keyFile = join(server.dataDir, 'master.key');
const client = server.as();

const answers: Answer[] = [];
async function send(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await client.send(method, path, { body, headers: { 'idempotency-key': random() } });
  answers.push(answer);
  return answer;
}
const statusOf = async () =>
  controlRoutes.getEncryptionKeys.answers[200].schema.parse((await send('GET', '/v1/encryption-keys')).body).data
    .encryption_keys;
const check = async (name: string): Promise<{ ok: boolean; detail: string }> => {
  const { body } = await server.anonymous.get('/readyz');
  const { checks } = body as { checks: { name: string; ok: boolean; detail: string }[] };
  return checks.find((one) => one.name === name) ?? { ok: false, detail: 'is not checked' };
};

describe('what the vault keeps', () => {
  test('goes in, over every route that takes it', async () => {
    const credential = (fields: object): Promise<Answer> =>
      send('POST', '/v1/credentials', { name: `credential-${random()}`, ...fields });
    const clientOf = (token_endpoint: string): object => ({
      kind: 'oauth2_client_credentials',
      provider_config: { client_id: 'assay', token_endpoint },
      secret: { client_secret: of('the secret of a client') },
    });
    const made = [
      await send('POST', '/v1/secrets', { name: 'first', value: of('the value of a secret that was replaced') }),
      await send('PUT', '/v1/secrets/first', { value: of('the value of a secret') }),
      await credential({ kind: 'api_key', secret: { api_key: of('an API key in a credential') } }),
      await credential({
        kind: 'basic_auth',
        secret: { username: 'somebody', password: of('a password in a credential') },
      }),
      await credential(clientOf(`${issuerUrl}/token`)),
      await send('GET', '/v1/secrets/first/versions'),
      await send('GET', '/v1/credentials'),
      await send('GET', '/v1/secrets'),
    ];
    expect(made.map(({ status }) => status)).toEqual([201, 200, 201, 201, 201, 200, 200, 200]);
  });

  test('is not shown by what is refused', async () => {
    const value = of('a value that was refused');
    const refused = [
      await send('POST', '/v1/secrets', { name: 'first', value }),
      await send('POST', '/v1/secrets', { name: 'X', value }),
      await send('POST', '/v1/secrets', { name: 'second', value, encoding: 'base64' }),
      await send('POST', '/v1/secrets', { name: 'second', valeu: value }),
      await send('PUT', '/v1/secrets/nothing', { value }),
      await send('POST', '/v1/credentials', { name: 'a', kind: 'api_key', secret: { api_key: `${value}\n` } }),
      await send('POST', '/v1/credentials', { name: 'a', kind: 'query_api_key', secret: { api_key: value } }),
      await send('POST', '/v1/credentials', { name: 'a', kind: 'oauth2_jwt_bearer', secret: { private_key: value } }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([409, 400, 400, 400, 404, 400, 400, 400]);
  });

  test('is not sent inside the network, in whatever form its address is written', async () => {
    const inside = [
      'https://10.0.0.1/',
      'https://169.254.169.254/latest/meta-data',
      'https://[::1]/',
      'https://[::ffff:169.254.169.254]/',
      'https://[64:ff9b::a9fe:a9fe]/',
      'https://[fd00:ec2::254]/',
      'https://167772161/',
      'https://0xa9.0xfe.0xa9.0xfe/',
      'https://0251.0376.0251.0376/',
      'http://93.184.215.14/',
    ];
    for (const token_endpoint of inside) {
      const answer = await send('POST', '/v1/credentials', {
        name: 'inside',
        kind: 'oauth2_client_credentials',
        provider_config: { client_id: 'x', token_endpoint },
        secret: { client_secret: of('the secret of a client') },
      });
      expect([token_endpoint, answer.status]).toEqual([token_endpoint, 400]);
      expect((answer.body as { error: { code: string } }).error.code).toBe('destination_refused');
    }
  });
});

describe('the master key', () => {
  test('was made once, for its owner alone, and a copy of it was asked for', async () => {
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(server.stderr.match(/a master key was made: keep a copy/g)).toHaveLength(1);
  });

  test('is replaced by one command, while the server runs', async () => {
    const before = await statusOf();
    expect(before.needed).toEqual([before.master_key]);
    expect((await send('POST', '/v1/encryption-keys/rotate-master')).status).toBe(409);
    const rotated = await send('POST', '/v1/encryption-keys/rotate-master', { generate: true });
    expect(rotated.status).toBe(200);
    const after = await statusOf();
    expect(after.master_key).not.toBe(before.master_key);
    expect(after.available).toEqual([after.master_key, before.master_key]);
    expect((await send('PUT', '/v1/secrets/first', { value: of('the value of a secret') })).status).toBe(200);
    const moved = await until(
      'the old key is needed no more',
      async () => (await statusOf()).needed.length === 1,
      100_000,
    );
    expect(moved).toBe(true);
    expect((await statusOf()).pending).toBe(0);
  });

  test('that replaced it is enough from then on, and what was signed and kept before still holds', async () => {
    const [young = ''] = (await readFile(keyFile, 'utf8')).split('\n');
    await server.stop();
    await writeFile(keyFile, `${young}\n`);
    await server.start();
    expect((await statusOf()).available).toHaveLength(1);
    expect((await send('GET', '/v1/secrets/first')).status).toBe(200);
  });

  test('that this server lacks is named by its readiness, and work goes on', async () => {
    const mine = await readFile(keyFile, 'utf8');
    expect(await check('encryption_keys')).toMatchObject({ ok: true });
    await send('POST', '/v1/encryption-keys/rotate-master', { generate: true });
    const { master_key: wanted } = await statusOf();
    const all = await readFile(keyFile, 'utf8');
    await server.stop();
    await writeFile(keyFile, mine);
    await server.start();
    const lacking = await check('encryption_keys');
    expect(lacking).toMatchObject({ ok: false, detail: expect.stringContaining(wanted) });
    expect((await send('PUT', '/v1/secrets/first', { value: of('the value of a secret') })).status).toBe(200);
    await writeFile(keyFile, all);
    await until('the key is read', async () => (await check('encryption_keys')).ok);
  });

  test('of another installation starts nothing, and says what to do', async () => {
    const mine = await readFile(keyFile, 'utf8');
    await server.stop();
    await writeFile(keyFile, `${randomBytes(32).toString('hex')}\n`);
    await expect(server.start()).rejects.toThrow(/sealed with another master key/);
    await writeFile(keyFile, mine);
    await server.start();
  });
});

describe('a canary', () => {
  function expectNone(where: string, text: string): void {
    for (const [name, canary] of Object.entries(CANARIES)) {
      for (const form of [canary, btoa(canary), Buffer.from(canary).toString('hex')])
        expect(`${where}: ${text.includes(form) ? name : 'clean'}`).toBe(`${where}: clean`);
    }
  }

  test('is in no answer', () => {
    expect(answers.length).toBeGreaterThan(25);
    for (const { status, text, headers } of answers)
      expectNone(`an answer of ${status}`, text + JSON.stringify([...headers]));
  });

  test('is in no table: not in secrets, events, the audit log or answers that are kept', async () => {
    const tables = await inDatabase(server, async (sql) => {
      await sql.query('set role assay_system');
      const { rows } = await sql.query<{ name: string }>(
        `select c.relname as name from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select')`,
      );
      const texts: [string, string][] = [];
      for (const { name } of rows) {
        const { rows: all } = await sql.query<{ row: string }>(`select t::text as row from ${name} t`);
        texts.push([name, all.map(({ row }) => row).join('\n')]);
      }
      return texts;
    });
    const filled = tables.filter(([, text]) => text !== '').map(([name]) => name);
    for (const name of ['secret_versions', 'credentials', 'data_keys', 'events', 'idempotency_keys'])
      expect(filled).toContain(name);
    for (const [name, text] of tables) expectNone(name, text);
  });

  test('is not in metrics, and not in the log, after all of this and a stop', async () => {
    expectNone('the metrics', (await client.get('/metrics')).text);
    await server.stop();
    expect(server.stderr).toContain('"level":"debug"');
    expectNone('the log', server.stderr + server.stdout);
  });
});
