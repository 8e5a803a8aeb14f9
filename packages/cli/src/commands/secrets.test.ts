import { EXIT_CODES } from '@assay/contract/exit-codes';
import { expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { type Route, WireServer } from '../../test/wire-server.ts';

const secret = (version = 1) => ({
  id: '5f2b1f0e-1c1b-4e43-9b2c-2d2a0a2f5a11',
  name: 'db-password',
  description: '',
  version,
  created_by: null,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  last_used_at: null,
});
const answer = (data: object, status = 200): Route => ({
  status,
  json: { meta: {}, context: {}, data, error: null, links: { self: '/' } },
});
const taken: Route = {
  status: 409,
  json: { data: null, error: { code: 'name_taken', message: 'Taken.', request_id: 'r' } },
};

test('a secret is read from standard input, without the line end behind it, and is printed nowhere', async () => {
  await using server = await WireServer.start({ 'POST /v1/secrets': answer({ secret: secret() }, 201) });
  const { exit, stdout, stderr } = await assay(['secrets', 'set', 'db-password'], {
    url: server.url,
    stdin: 'a-canary\n',
  });
  expect([exit, stdout]).toEqual([EXIT_CODES.ok, 'Kept db-password, version 1.\n']);
  expect(stdout + stderr).not.toContain('a-canary');
  expect(JSON.parse(server.last.body)).toEqual({ name: 'db-password', value: 'a-canary', encoding: 'text' });
});

test('a secret that is there is replaced', async () => {
  await using server = await WireServer.start({
    'POST /v1/secrets': taken,
    'PUT /v1/secrets/db-password': answer({ secret: secret(2) }),
  });
  const { stdout } = await assay(['secrets', 'set', 'db-password', '--newline'], { url: server.url, stdin: 'x\n' });
  expect(stdout).toBe('Kept db-password, version 2.\n');
  expect(JSON.parse(server.last.body)).toEqual({ value: 'x\n', encoding: 'text' });
});

test('secrets are listed by name, and deleted only when it is meant', async () => {
  await using server = await WireServer.start({
    'GET /v1/secrets': answer({ secrets: [secret()] }),
    'DELETE /v1/secrets/db-password': answer({ secret: secret() }),
  });
  const { stdout } = await assay(['secrets', 'list', '--quiet'], server);
  expect(stdout).toBe('db-password\n');
  const unsure = await assay(['secrets', 'delete', 'db-password'], server);
  expect([unsure.exit, server.received.length]).toEqual([EXIT_CODES.usage, 1]);
  expect((await assay(['secrets', 'delete', 'db-password', '--yes'], server)).stdout).toBe('Deleted db-password.\n');
});

test('a rotation says which keys are still needed', async () => {
  const keys = {
    master_key: 'local:b',
    available: ['local:b', 'local:a'],
    needed: ['local:a', 'local:b'],
    root_version: 2,
    pending: 3,
  };
  await using server = await WireServer.start({
    'POST /v1/encryption-keys/rotate-master': answer({ encryption_keys: keys }),
    'GET /v1/encryption-keys': answer({ encryption_keys: keys }),
    'POST /v1/encryption-keys/rotate': answer({ data_keys: [{ purpose: 'secrets', version: 2 }] }),
  });
  const rotated = await assay(['secrets', 'rotate-master', '--generate'], server);
  expect(JSON.parse(server.last.body)).toEqual({ generate: true });
  expect(rotated.stdout).toContain('local:a local:b');
  expect(rotated.stderr).toContain('Keep the old key');
  expect((await assay(['secrets', 'rotate-master', '--status', '--quiet'], server)).stdout).toBe('local:b\n');
  expect((await assay(['secrets', 'rotate-keys', '--quiet'], server)).stdout).toBe('secrets\n');
});
