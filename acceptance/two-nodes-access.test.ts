import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Answer, Client } from './harness/client.ts';
import { signIn } from './harness/route-call.ts';
import { Server, type ServerOptions } from './harness/server.ts';
import { severedNetwork } from './harness/severed-network.ts';
import { addMember } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/*
 * Two processes on one database, the second by way of a network that can be cut: what one takes back, counts or has
 * done holds at the other.
 */
const near = await Server.start({ env: { ASSAY_RATE_COUNTERS: 'database' } });
afterAll(() => near[Symbol.asyncDispose]());
const network = await severedNetwork(near);
afterAll(() => network[Symbol.asyncDispose]());
const FAR: ServerOptions = {
  args: ['--role', 'api'],
  env: { ASSAY_MASTER_KEY_FILE: join(near.dataDir, 'master.key'), DATABASE_URL: network.url },
};
const far = await Server.start(FAR);
afterAll(() => far[Symbol.asyncDispose]());

/** The bound that the documents state for a node that the database cannot reach. */
const STATED_MS = 5_000;

async function keyWith(scopes: readonly string[]): Promise<{ id: string; raw: string }> {
  const made = await near.sdk().apiKeys.create({ name: `Key ${randomUUID()}`, scopes: [...scopes] });
  return { id: made.api_key.id, raw: made.raw_key };
}

const bearerAt = (server: Server, token: string): Client =>
  new Client(() => server.url, { authorization: `Bearer ${token}` });

describe('what one node takes back', () => {
  test('is over at the other as soon as it has been told, and stays so under load', async () => {
    const key = await keyWith(['evaluations:read']);
    const client = far.as(key.raw);
    const seen: { sentAt: number; answeredAt: number; status: number }[] = [];
    let isOver = false;
    const hammer = async (): Promise<void> => {
      while (!isOver) {
        const sentAt = performance.now();
        const { status } = await client.get('/v1/me');
        seen.push({ sentAt, answeredAt: performance.now(), status });
      }
    };
    const hammers = Array.from({ length: 4 }, hammer);
    await until('the key is in use', () => seen.length > 20);
    await near.sdk().apiKeys.revoke(key.id);
    await until('the other has been told', () => seen.some(({ status }) => status === 401), 1_000);
    const told = seen.filter(({ status }) => status === 401).length;
    await until('it was asked again and again', () => seen.filter(({ status }) => status === 401).length > told + 50);
    isOver = true;
    await Promise.all(hammers);
    const toldAt = Math.min(...seen.filter(({ status }) => status === 401).map(({ answeredAt }) => answeredAt));
    expect(seen.filter(({ sentAt, status }) => sentAt > toldAt && status !== 401)).toEqual([]);
  });

  test('is over for both secrets of a key that was rotated', async () => {
    const key = await keyWith(['evaluations:read']);
    const rotated = await near.as().post(`/v1/api-keys/${key.id}/rotate`, { overlap_seconds: 60 });
    const { raw_key } = (rotated.body as { data: { raw_key: string } }).data;
    for (const raw of [key.raw, raw_key]) expect((await far.as(raw).get('/v1/me')).status).toBe(200);
    await near.as().send('DELETE', `/v1/api-keys/${key.id}`);
    for (const raw of [key.raw, raw_key])
      await until('it is dead', async () => (await far.as(raw).get('/v1/me')).status === 401, 1_000);
  });

  test('goes and comes back with a key that is disabled and enabled', async () => {
    const key = await keyWith(['evaluations:read']);
    const status = async (): Promise<number> => (await far.as(key.raw).get('/v1/me')).status;
    expect(await status()).toBe(200);
    await near.as().post(`/v1/api-keys/${key.id}/disable`);
    await until('it is disabled there', async () => (await status()) === 401, 1_000);
    await near.as().post(`/v1/api-keys/${key.id}/enable`);
    await until('it is enabled there', async () => (await status()) === 200, 1_000);
  });

  test('shrinks a member’s token and keys at the other with the role', async () => {
    const orgId = (await near.sdk().me()).organization_id ?? '';
    const email = await addMember(near, { orgId, name: `m-${randomUUID()}`, role: 'developer' });
    const { accessToken } = await signIn(near.anonymous, { email, password: near.credentials.password });
    const there = bearerAt(far, accessToken);
    const me = (await there.get('/v1/me')).body as { data: { principal: { id: string } } };
    const submit = async (): Promise<number> => (await there.post('/api/eval', { code: 'print(1)' })).status;
    expect(await submit()).toBe(200);
    const path = `/v1/organizations/${orgId}/memberships/${me.data.principal.id}`;
    const demoted = await near.as().send('PATCH', path, { body: { role: 'viewer' } });
    expect(demoted.status).toBe(200);
    await until('the role is known there', async () => (await submit()) === 403, 1_000);
    expect((await near.as().send('DELETE', path)).status).toBe(200);
    await until('the member is out there', async () => (await there.get('/api/evaluations')).status !== 200, 1_000);
  });
});

describe('a rate limit', () => {
  const HEADERS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'ratelimit', 'ratelimit-policy'];

  test('counts over both nodes: together they let no more through', async () => {
    const key = await keyWith(['evaluations:read']);
    const answers: Answer[] = [];
    for (let round = 0; round < 15; round++) {
      answers.push(
        ...(await Promise.all(
          Array.from({ length: 10 }, (_, n) => [near, far][n % 2]?.as(key.raw).get('/api/evaluations')),
        ).then((all) => all.filter((answer) => answer !== undefined))),
      );
    }
    const allowed = answers.filter(({ status }) => status === 200).length;
    const refused = answers.filter(({ status }) => status === 429);
    expect(allowed + refused.length).toBe(150);
    expect(allowed).toBeLessThanOrEqual(100);
    // What a node holds and does not give out is lost to the other: a sixteenth of what was left.
    expect(allowed).toBeGreaterThanOrEqual(90);
    for (const { headers } of answers) for (const name of HEADERS) expect(headers.get(name)).toBeTruthy();
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });
});

describe('an idempotency key', () => {
  test('used fifty times at once at both nodes has one effect and one answer', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const name = `Key ${randomUUID()}`;
    const { raw } = await keyWith(['apikeys:read', 'apikeys:write']);
    const once = (n: number, body: object): Promise<Answer> =>
      (n % 2 === 0 ? near : far).as(raw).post('/v1/api-keys', body, headers);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, n) =>
        until('it is answered', async () => {
          const answer = await once(n, { name, scopes: [] });
          return answer.status === 409 ? null : answer;
        }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const secrets = answers.map(({ body }) => (body as { data: { raw_key: string } }).data.raw_key);
    expect(new Set(secrets).size).toBe(1);
    expect(answers.filter(({ headers: got }) => got.get('idempotent-replayed') !== 'true')).toHaveLength(1);
    expect((await once(1, { name: 'Other', scopes: [] })).status).toBe(422);
    const { body } = await near.as(raw).get('/v1/api-keys?limit=200');
    const { api_keys } = (body as { data: { api_keys: { name: string }[] } }).data;
    expect(api_keys.filter((key) => key.name === name)).toHaveLength(1);
  });

  test('of a node that was killed between effect and answer gives the answer at the other', async () => {
    const doomed = await Server.start(FAR);
    try {
      const headers = { 'idempotency-key': randomUUID() };
      const { raw } = await keyWith(['evaluations:read', 'evaluations:write']);
      const mark = randomUUID();
      const code = `import time; print("${mark}"); time.sleep(4)`;
      // The act is committed, and the answer waits for the end of the program.
      const lost = doomed
        .as(raw)
        .post('/api/eval?wait=30', { code }, headers)
        .then(
          () => 'answered',
          () => 'lost',
        );
      const queued = await until('the effect is there', async () => {
        const { evaluations } = (await near.as().get('/api/evaluations?limit=5')).body as {
          evaluations: { eval_id: string; code_preview: string }[];
        };
        return evaluations.find(({ code_preview }) => code_preview.includes(mark));
      });
      doomed.signal('SIGKILL');
      expect(await lost).toBe('lost');
      const again = await near.as(raw).post('/api/eval?wait=30', { code }, headers);
      expect(again.status).toBe(200);
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(again.body).toMatchObject({ eval_id: queued.eval_id, status: 'completed' });
    } finally {
      await doomed[Symbol.asyncDispose]();
    }
  });
});

test('a node that is cut off from the database lets nobody in by memory after the stated time', async () => {
  const key = await keyWith(['evaluations:read']);
  const ask = async (): Promise<number> =>
    fetch(`${far.url}/v1/me`, { headers: { 'x-api-key': key.raw }, signal: AbortSignal.timeout(2_000) }).then(
      ({ status }) => status,
      () => 0,
    );
  expect(await ask()).toBe(200);
  network.cut();
  const cutAt = performance.now();
  await near.sdk().apiKeys.revoke(key.id);
  const late: number[] = [];
  await until(
    'it answers no more',
    async () => {
      const sentAt = performance.now();
      const status = await ask();
      if (sentAt - cutAt > STATED_MS && status === 200) late.push(sentAt - cutAt);
      return status !== 200;
    },
    STATED_MS + 5_000,
  );
  for (let round = 0; round < 3; round++) expect(await ask()).not.toBe(200);
  expect(late).toEqual([]);
  network.mend();
  await until('it knows what happened meanwhile', async () => (await ask()) === 401, 40_000);
});
