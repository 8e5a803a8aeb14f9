import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { aCall, aPrincipal } from '../../../test/calls.ts';
import { testDatabase } from '../../../test/database.ts';
import { governed } from '../../../test/governed.ts';
import { aKey, aPerson } from '../../../test/people.ts';
import { testServer } from '../../../test/test-server.ts';
import { loadAccessTokens } from '../../../test/tokens.ts';
import { until } from '../../../test/until.ts';
import { AppError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { MEMBER_ROLES, type MemberRole } from '../../kernel/principal.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import type { Tx } from '../../platform/db/index.ts';
import { Wakeups } from '../../platform/queue/wakeups.ts';
import { assertAllowed, KEY_TEMPLATES, ROLE_SCOPES } from '../access/index.ts';
import { Authenticator } from './authenticator.ts';
import { newRawKey } from './keys/model.ts';
import { keyOperations } from './keys/operations.ts';
import { findKeyReach } from './keys/store-grants.ts';
import type { AccessTokens } from './tokens/access-tokens.ts';

const db = testDatabase();
const server = testServer();
const operator = governed(db);
const masterKey = new Sensitive(randomBytes(32));
const systemTransaction = <Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> =>
  db.system.transaction({ orgId: null }, work);
const ALL = KEY_TEMPLATES.full_access;
const refused = { kind: 'unauthenticated', code: 'credential.invalid' };

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const each of disposables.splice(0)) await each[Symbol.asyncDispose]();
});

type Read = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;
const plainly: Read = (work) => db.system.statements({ orgId: null }, work);

/** An authenticator whose questions to the database are counted. */
async function counting({ read = plainly, hears = () => true }: { read?: Read; hears?: () => boolean } = {}) {
  const asked = { times: 0 };
  const tokens = await loadAccessTokens(systemTransaction, masterKey);
  const authenticator = new Authenticator({
    tokens,
    systemRead: (work) => {
      asked.times += 1;
      return read(work);
    },
    hearsRevocations: hears,
  });
  const byKey = (value: string) => authenticator.authenticate({ kind: 'api_key', value });
  const byToken = (value: string) => authenticator.authenticate({ kind: 'access_token', value });
  return { authenticator, asked, tokens, byKey, byToken };
}

/** A login as a sign-in leaves it, and an access token of it. */
async function aLogin(tokens: AccessTokens, { userId, orgId }: { userId: string; orgId: string }) {
  const loginId = newId();
  await db.owner.query(
    `insert into logins (id, user_id, org_id, method, expires_at) values ($1, $2, $3, 'password', now() + interval '1 day')`,
    [loginId, userId, orgId],
  );
  return { loginId, token: await tokens.sign({ userId, orgId, loginId }) };
}

const change = (sql: string, values: unknown[]): Promise<unknown> => db.owner.query(sql, values);

describe('an API key', () => {
  test('stands for itself, in its organization, with the scopes it was given', async () => {
    const { userId, orgId } = await aPerson(db);
    const { id, raw } = await aKey(db, { orgId, createdBy: userId, scopes: ['evaluations:read'] });
    const { byKey } = await counting();
    expect(await byKey(raw)).toEqual({
      kind: 'api_key',
      id,
      orgId,
      role: 'owner',
      scopes: new Set(['evaluations:read']),
      source: { kind: 'key_scopes', name: null },
      posture: 'active',
      trialEndsAt: null,
      userId,
      loginId: null,
      isPlatformAdmin: false,
    });
  });

  test('that is mistyped is refused without a question to the database', async () => {
    const { byKey, asked } = await counting();
    const raw = newRawKey();
    const mistyped = [raw.slice(0, -1), `${raw}0`, raw.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')), 'sk_', ''];
    for (const text of [...mistyped, `sk_${'x'.repeat(5_000)}`])
      await expect(byKey(text)).rejects.toMatchObject(refused);
    expect(asked.times).toBe(0);
  });

  test('that nobody knows costs one question, each time', async () => {
    const { byKey, asked } = await counting();
    const unknown = newRawKey();
    for (let round = 1; round <= 3; round++) {
      await expect(byKey(unknown)).rejects.toMatchObject(refused);
      expect(asked.times).toBe(round);
    }
  });

  test('is asked for once, then known for half a minute', async () => {
    const { raw } = await aKey(db, { orgId: await db.organization() });
    const { byKey, asked } = await counting();
    vi.useFakeTimers({ toFake: ['Date'] });
    for (let round = 0; round < 10; round++) await byKey(raw);
    expect(asked.times).toBe(1);
    vi.advanceTimersByTime(30_000);
    await byKey(raw);
    expect(asked.times).toBe(2);
  });

  test('dies at its expiry, though it was known before', async () => {
    const { raw } = await aKey(db, { orgId: await db.organization(), expiresInMs: 300 });
    const { byKey } = await counting();
    await byKey(raw);
    await until('it has expired', () =>
      byKey(raw).then(
        () => false,
        (error) => error.code === refused.code,
      ),
    );
  });

  test.each([
    ['is revoked', 'update api_keys set revoked_at = now() where id = $1'],
    ['is disabled', 'update api_keys set disabled_at = now() where id = $1'],
    [
      'belongs to an organization that was deleted',
      'update organizations set deleted_at = now(), erase_after = now() where id = (select org_id from api_keys where id = $1)',
    ],
  ])('that %s is refused', async (_name, sql) => {
    const { id, raw } = await aKey(db, { orgId: await db.organization() });
    const { byKey, authenticator } = await counting();
    await byKey(raw);
    await change(sql, [id]);
    authenticator.forget();
    await expect(byKey(raw)).rejects.toMatchObject(refused);
  });

  test('without our checksum is known only when it came from configuration', async () => {
    const raw = `sk_from-configuration-${randomBytes(6).toString('hex')}`;
    const { id } = await aKey(db, { orgId: await db.organization(), raw });
    const before = await counting();
    await before.authenticator.start();
    await expect(before.byKey(raw)).rejects.toMatchObject(refused);
    await change('update api_keys set is_checksummed = false where id = $1', [id]);
    const after = await counting();
    await after.authenticator.start();
    expect((await after.byKey(raw)).id).toBe(id);
    expect(after.asked.times).toBe(2);
  });
});

describe('what a key may do', () => {
  test.each(MEMBER_ROLES)('shrinks to what a creator demoted to %s may do', async (role) => {
    const { userId, orgId } = await aPerson(db);
    const { raw } = await aKey(db, { orgId, createdBy: userId, scopes: ALL });
    const { byKey, authenticator } = await counting();
    expect((await byKey(raw)).scopes).toEqual(new Set(ALL));
    await change('update memberships set role = $1 where user_id = $2', [role, userId]);
    authenticator.forget();
    expect(await byKey(raw)).toMatchObject({ role, scopes: new Set(ROLE_SCOPES[role]) });
  });

  test('grows with its creator no further than it was given', async () => {
    const { userId, orgId } = await aPerson(db, { role: 'viewer' });
    const { raw } = await aKey(db, { orgId, createdBy: userId, scopes: ['evaluations:read', 'evaluations:write'] });
    const { byKey, authenticator } = await counting();
    expect((await byKey(raw)).scopes).toEqual(new Set(['evaluations:read']));
    await change(`update memberships set role = 'owner' where user_id = $1`, [userId]);
    authenticator.forget();
    expect((await byKey(raw)).scopes).toEqual(new Set(['evaluations:read', 'evaluations:write']));
  });

  test('stays when its creator is disabled: the key belongs to the organization', async () => {
    const { userId, orgId } = await aPerson(db, { role: 'developer' });
    const { raw } = await aKey(db, { orgId, createdBy: userId, scopes: ALL });
    const { byKey } = await counting();
    await change('update users set disabled_at = now() where id = $1', [userId]);
    expect((await byKey(raw)).scopes).toEqual(new Set(ROLE_SCOPES.developer));
  });

  test.each(['trial', 'past_due', 'decommissioning'])(
    'is told with the posture %s of its organization',
    async (posture) => {
      const orgId = await db.organization();
      await change('update organizations set posture = $1, trial_ends_at = $2 where id = $3', [
        posture,
        new Date('2030-01-01Z'),
        orgId,
      ]);
      const { raw } = await aKey(db, { orgId });
      expect(await (await counting()).byKey(raw)).toMatchObject({ posture, trialEndsAt: new Date('2030-01-01Z') });
    },
  );
});

describe('a revocation', () => {
  /** One process: its authenticator, its signals, and the operations that revoke. */
  async function process() {
    const wakeups = new Wakeups(db.address, pino({ level: 'silent' }));
    disposables.push(wakeups);
    await wakeups.start();
    const { authenticator, byKey, asked } = await counting({ hears: () => wakeups.connected });
    wakeups.on('grants', () => authenticator.forget());
    const { revokeKey } = keyOperations({
      grantsChanged: (tx) => wakeups.raiseWith(tx, 'grants'),
      reachOf: (orgId, id) => db.system.statements({ orgId: null }, (tx) => findKeyReach(tx, orgId, id)),
    });
    const revoke = (orgId: string, id: string) =>
      operator.run(revokeKey, aCall({ principal: aPrincipal({ orgId: orgId as never, role: 'owner' }) }), { id });
    return { wakeups, byKey, asked, revoke };
  }

  test('has taken effect here when it is answered', async () => {
    const orgId = await db.organization();
    const { byKey, revoke } = await process();
    for (let round = 0; round < 20; round++) {
      const { id, raw } = await aKey(db, { orgId });
      await byKey(raw);
      await revoke(orgId, id);
      await expect(byKey(raw)).rejects.toMatchObject(refused);
    }
  });

  test('takes effect in other processes as soon as they hear of it', async () => {
    const [here, there] = [await process(), await process()];
    const orgId = await db.organization();
    const { id, raw } = await aKey(db, { orgId });
    await there.byKey(raw);
    await here.revoke(orgId, id);
    const began = performance.now();
    await until('the other refuses', () =>
      there.byKey(raw).then(
        () => false,
        () => true,
      ),
    );
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('that is rolled back takes nothing away', async () => {
    const orgId = await db.organization();
    const { wakeups, byKey, asked } = await process();
    const { id, raw } = await aKey(db, { orgId });
    await byKey(raw);
    const act = db.system.transaction({ orgId: null }, async (tx) => {
      await tx.query({ name: 'test.revoke', text: 'update api_keys set revoked_at = now() where id = $1' }, [id]);
      wakeups.raiseWith(tx, 'grants');
      throw new Error('changed my mind');
    });
    await expect(act).rejects.toThrow('changed my mind');
    expect((await byKey(raw)).id).toBe(id);
    expect(asked.times).toBe(1);
  });

  test('during a look-up counts: what the look-up saw is not believed', async () => {
    const orgId = await db.organization();
    const { id, raw } = await aKey(db, { orgId });
    const [looked, mayAnswer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { authenticator, byKey, asked } = await counting({
      async read(work) {
        const seen = await plainly(work);
        looked.resolve();
        await mayAnswer.promise;
        return seen;
      },
    });
    const first = byKey(raw);
    await looked.promise;
    // The look-up has read a living key on its connection; now it is revoked on another.
    await change('update api_keys set revoked_at = now() where id = $1', [id]);
    authenticator.forget();
    mayAnswer.resolve();
    await expect(first).rejects.toMatchObject(refused);
    expect(asked.times).toBe(2);
  });

  test('cannot be missed while signals are cut off: every use asks the database', async () => {
    const orgId = await db.organization();
    const { wakeups, byKey, asked } = await process();
    const { id, raw } = await aKey(db, { orgId });
    await byKey(raw);
    await byKey(raw);
    expect(asked.times).toBe(1);
    const { rows } = await server.admin.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = $1 and application_name = 'assay-wakeups'`,
      [db.name],
    );
    await server.terminate(...rows.map(({ pid }) => pid));
    await until('the cut is noticed', () => !wakeups.connected);
    await byKey(raw);
    await byKey(raw);
    expect(asked.times).toBe(3);
    await change('update api_keys set revoked_at = now() where id = $1', [id]);
    await expect(byKey(raw)).rejects.toMatchObject(refused);
    await until('signals arrive again', () => wakeups.connected);
    await expect(byKey(raw)).rejects.toMatchObject(refused);
  });
});

describe('a credential that has opened a stream', () => {
  const watching = async (options: Parameters<typeof counting>[0] = {}) => {
    const { authenticator, ...rest } = await counting(options);
    const ended: string[] = [];
    const watch = (value: string, name: string) =>
      authenticator.watch({
        credential: { kind: 'api_key', value },
        orgId: null,
        address: null,
        check: (principal) => void assertAllowed(principal, following, new Date()),
        onEnd: ({ code }) => void ended.push(`${name}: ${code}`),
      });
    return { authenticator, ended, watch, ...rest };
  };
  const following = { name: 'a.b.c', scope: 'evaluations:read', effect: 'read' } as const;
  const revoke = (id: string) => change('update api_keys set revoked_at = now() where id = $1', [id]);

  test('is told of its end as soon as it is known, once, and no other is', async () => {
    const orgId = await db.organization();
    const [dying, living] = [await aKey(db, { orgId }), await aKey(db, { orgId })];
    const { authenticator, ended, watch } = await watching();
    const stop = [watch(dying.raw, 'dying'), watch(living.raw, 'living')];
    await revoke(dying.id);
    authenticator.forget();
    await until('it is told', () => ended.length > 0);
    authenticator.forget();
    await authenticator.authenticate({ kind: 'api_key', value: living.raw });
    expect(ended).toEqual(['dying: credential.invalid']);
    for (const each of stop) each();
  });

  test('is told when it may not have the stream any more, though it lives', async () => {
    const { id, raw } = await aKey(db, { orgId: await db.organization() });
    const { authenticator, ended, watch } = await watching();
    const stop = watch(raw, 'shrunk');
    await change(`update api_keys set scopes = '{evaluations:write}' where id = $1`, [id]);
    authenticator.forget();
    await until('it is told', () => ended.length > 0);
    expect(ended).toEqual(['shrunk: access.scope_missing']);
    stop();
  });

  test('is told nothing any more when the stream has ended by itself', async () => {
    const orgId = await db.organization();
    const [gone, witness] = [await aKey(db, { orgId }), await aKey(db, { orgId })];
    const { authenticator, ended, watch } = await watching();
    watch(gone.raw, 'gone')();
    watch(witness.raw, 'witness');
    await revoke(gone.id);
    await revoke(witness.id);
    authenticator.forget();
    await until('the witness is told', () => ended.length > 0);
    expect(ended).toEqual(['witness: credential.invalid']);
  });

  test('is told of its expiry though nobody revoked it', async () => {
    const { raw } = await aKey(db, { orgId: await db.organization(), expiresInMs: 200 });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { ended, watch } = await watching();
    watch(raw, 'expiring');
    await until('it is told', () => {
      vi.advanceTimersByTime(15_000);
      return ended.length > 0;
    });
    expect(ended).toEqual(['expiring: credential.invalid']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not ended by a database that is away', async () => {
    const { raw } = await aKey(db, { orgId: await db.organization() });
    let isAway = false;
    const { authenticator, asked, ended, watch } = await watching({
      read: (work) =>
        isAway ? Promise.reject(new AppError('unavailable', 'database.unavailable', 'Not now.')) : plainly(work),
    });
    const stop = watch(raw, 'living');
    isAway = true;
    authenticator.forget();
    await until('it was asked for', () => asked.times === 1);
    isAway = false;
    await authenticator.authenticate({ kind: 'api_key', value: raw });
    expect(ended).toEqual([]);
    stop();
  });
});

describe('an access token', () => {
  test('stands for the person, with all that the role holds', async () => {
    for (const role of MEMBER_ROLES as readonly MemberRole[]) {
      const person = await aPerson(db, { role });
      const { tokens, byToken } = await counting();
      const { loginId, token } = await aLogin(tokens, person);
      expect(await byToken(token)).toEqual({
        kind: 'user',
        id: person.userId,
        orgId: person.orgId,
        role,
        scopes: new Set(ROLE_SCOPES[role]),
        source: { kind: 'role', name: role },
        posture: 'active',
        trialEndsAt: null,
        userId: person.userId,
        loginId,
        isPlatformAdmin: false,
      });
    }
  });

  test('is looked up once for its login', async () => {
    const person = await aPerson(db);
    const { tokens, byToken, asked } = await counting();
    const { loginId, token } = await aLogin(tokens, person);
    await byToken(token);
    await byToken(await tokens.sign({ userId: person.userId, orgId: person.orgId, loginId }));
    expect(asked.times).toBe(1);
  });

  test('that we did not sign costs no question', async () => {
    const { byToken, asked } = await counting();
    await expect(byToken('eyJhbGciOiJub25lIn0.e30.')).rejects.toMatchObject(refused);
    expect(asked.times).toBe(0);
  });

  test.each([
    ['of a login that has ended', 'update logins set revoked_at = now() where user_id = $1'],
    ['of a person who was disabled', 'update users set disabled_at = now() where id = $1'],
  ])('%s is refused', async (_name, sql) => {
    const person = await aPerson(db);
    const { tokens, byToken, authenticator } = await counting();
    const { token } = await aLogin(tokens, person);
    await byToken(token);
    await change(sql, [person.userId]);
    authenticator.forget();
    await expect(byToken(token)).rejects.toMatchObject(refused);
  });

  test.each([
    ['from which the person was removed', 'delete from memberships where user_id = $1'],
    [
      'that was deleted',
      'update organizations set deleted_at = now(), erase_after = now() where id = (select org_id from memberships where user_id = $1)',
    ],
  ])('for an organization %s stands for the person alone, who may do nothing', async (_name, sql) => {
    const person = await aPerson(db);
    const { tokens, byToken, authenticator } = await counting();
    const { token } = await aLogin(tokens, person);
    await byToken(token);
    await change(sql, [person.userId]);
    authenticator.forget();
    const alone = { id: person.userId, orgId: null, role: null, scopes: new Set() };
    expect(await byToken(token)).toMatchObject(alone);
  });

  test('reaches into each organization of the person by name, and into no other', async () => {
    const person = await aPerson(db);
    const second = await db.organization();
    await change(`insert into memberships (org_id, user_id, role) values ($1, $2, 'viewer')`, [second, person.userId]);
    const { tokens, authenticator } = await counting();
    const { token } = await aLogin(tokens, person);
    const within = (orgId: string) => authenticator.authenticate({ kind: 'access_token', value: token }, orgId);
    expect(await within(second)).toMatchObject({ orgId: second, role: 'viewer' });
    expect(await within(person.orgId.toUpperCase())).toMatchObject({ orgId: person.orgId, role: 'owner' });
    for (const orgId of [await db.organization(), newId(), 'x', "' or true --"])
      await expect(within(orgId)).rejects.toMatchObject({ kind: 'not_found', code: 'credential.not_a_member' });
  });

  test('of a member with a custom role holds its scopes, and nothing of the ladder', async () => {
    const person = await aPerson(db, { role: 'viewer' });
    const roleId = newId();
    await change(`insert into custom_roles (org_id, id, name, scopes) values ($1, $2, 'auditor', '{audit:read}')`, [
      person.orgId,
      roleId,
    ]);
    await change('update memberships set custom_role_id = $2 where user_id = $1', [person.userId, roleId]);
    const { tokens, byToken } = await counting();
    const { token } = await aLogin(tokens, person);
    expect(await byToken(token)).toMatchObject({ role: 'viewer', scopes: new Set(['audit:read']) });
  });

  test('that names the login of somebody else is refused', async () => {
    const [one, other] = [await aPerson(db), await aPerson(db)];
    const { tokens, byToken } = await counting();
    const { loginId } = await aLogin(tokens, other);
    const token = await tokens.sign({ userId: one.userId, orgId: one.orgId, loginId });
    await expect(byToken(token)).rejects.toMatchObject(refused);
  });
});

describe('the signing key', () => {
  test('is one for all who make it at once, and for every later start', async () => {
    const address = await server.migratedDatabase();
    await using fresh = db.open({ role: 'assay_system', at: address });
    const load = () => loadAccessTokens((work) => fresh.transaction({ orgId: null }, work), masterKey);
    const [first, ...others] = await Promise.all(Array.from({ length: 6 }, load));
    const token = await first?.sign({ userId: 'u', orgId: 'o', loginId: 'l' });
    for (const each of [...others, await load()])
      expect(await each.verify(String(token))).toMatchObject({ userId: 'u' });
  });

  test('cannot be read in the database, nor opened with another master key', async () => {
    await loadAccessTokens(systemTransaction, masterKey);
    const other = loadAccessTokens(systemTransaction, new Sensitive(randomBytes(32)));
    await expect(other).rejects.toThrow(/sealed with another master key\. Give this process the master key file/);
    const { rows } = await db.owner.query('select sealed_private from signing_keys');
    // PKCS#8 of an Ed25519 key begins with the object identifier 1.3.101.112.
    for (const { sealed_private } of rows)
      expect(sealed_private.includes(Buffer.from('06032b6570', 'hex'))).toBe(false);
  });
});

test('what is known of callers is bounded: after ten thousand others the first one is asked for again', async () => {
  const grant = { until: Number.POSITIVE_INFINITY, principal: aPrincipal(), allowedFrom: null };
  const { byKey, asked } = await counting({ read: async () => grant as never });
  const first = newRawKey();
  await byKey(first);
  await byKey(first);
  expect(asked.times).toBe(1);
  for (let caller = 0; caller < 10_000; caller++) await byKey(newRawKey());
  await byKey(first);
  expect(asked.times).toBe(10_002);
});
