import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { aCall } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aPerson, type Person } from '../../../../test/people.ts';
import { ANONYMOUS, type Principal } from '../../../kernel/principal.ts';
import { Sensitive } from '../../../kernel/sensitive.ts';
import type { AuditedAct } from '../../../platform/operation.ts';
import { Authenticator } from '../authenticator.ts';
import { Logins } from '../login/logins.ts';
import { AccessTokens } from '../tokens/access-tokens.ts';
import { SigningKeys } from '../tokens/signing-keys.ts';
import { deleteOldDeviceRequests } from './jobs.ts';
import { digestUserCode } from './model.ts';
import { deviceOperations, type StartedDevice } from './operations.ts';

const db = testDatabase();
const operator = governed(db);
const systemTransaction = <Result>(work: Parameters<typeof db.system.transaction<Result>>[1]): Promise<Result> =>
  db.system.transaction({ orgId: null }, work);
const masterKey = new Sensitive(randomBytes(32));
const audited: (AuditedAct & { orgId: string; userId: string })[] = [];

let logins: Logins;
let authenticator: Authenticator;
let of: ReturnType<typeof deviceOperations>;
beforeAll(async () => {
  const tokens = new AccessTokens(
    await SigningKeys.load({ systemTransaction, masterKey, hearsChanges: () => true }),
    null,
  );
  logins = new Logins(tokens);
  authenticator = new Authenticator({
    tokens,
    systemRead: (work) => db.system.statements({ orgId: null }, work),
    hearsRevocations: () => false,
    used: () => {},
  } as ConstructorParameters<typeof Authenticator>[0]);
  of = deviceOperations({
    logins,
    digestUserCode: (userCode) => digestUserCode(masterKey.reveal(), userCode),
    auditAs: (_context, by, act) => void audited.push({ ...by, ...act }),
  });
});

const anonymous = () => aCall({ principal: ANONYMOUS });
const start = (more: { clientId?: string; scopes?: string[] | null } = {}): Promise<StartedDevice> =>
  operator.run(of.startDevice, anonymous(), {
    clientId: 'a-cli',
    deviceName: 'laptop',
    software: 'a test',
    scopes: null,
    ...more,
  });
const poll = ({ deviceCode }: Pick<StartedDevice, 'deviceCode'>, clientId = 'a-cli') =>
  operator.run(of.pollDevice, anonymous(), { deviceCode, clientId });
const decide = (by: Principal, userCode: string, more: object = {}) =>
  operator.run(of.decideDevice, aCall({ principal: by }), {
    userCode,
    decision: 'approve',
    isReported: false,
    orgId: null,
    ...more,
  });
const refused = (reason: string) => ({ outcome: 'refused', reason });

/** Moves a request's last poll into the past, as if the device had waited. */
const waited = (seconds: number) =>
  db.owner.query('update device_authorizations set polled_at = polled_at - make_interval(secs => $1)', [seconds]);

/** A person as a sign-in of this kind makes them call. */
async function signedIn(person: Person, method: 'password' | 'device' = 'password'): Promise<Principal> {
  const pair = await systemTransaction((tx) =>
    logins.openTokens(tx, { userId: person.userId, method, client: 'a test' }, { call: anonymous() }),
  );
  return whoIs(pair.accessToken);
}
const whoIs = (accessToken: string): Promise<Principal> =>
  authenticator.authenticate({ kind: 'access_token', value: accessToken });

describe('a device', () => {
  test('waits, is let in by a person, and gets tokens that stand for them in their organization', async () => {
    const person = await aPerson(db, { role: 'operator' });
    const by = await signedIn(person);
    const device = await start();
    expect(device).toMatchObject({ expiresInSeconds: 600, intervalSeconds: 5 });
    expect(await poll(device)).toEqual(refused('authorization_pending'));
    const { request, memberships } = await operator.run(of.getDevice, aCall({ principal: by }), {
      userCode: device.userCode.toLowerCase(),
    });
    expect(request).toMatchObject({ clientId: 'a-cli', deviceName: 'laptop', address: '203.0.113.7', scopes: null });
    expect(memberships).toHaveLength(1);
    await decide(by, device.userCode);
    await waited(5);
    const granted = await poll(device);
    expect(granted).toMatchObject({ outcome: 'granted', pair: { expiresInSeconds: 3600, orgId: person.orgId } });
    if (granted.outcome !== 'granted') return;
    expect(await whoIs(granted.pair.accessToken)).toMatchObject({ id: person.userId, role: 'operator' });
    expect(audited.filter(({ orgId }) => orgId === person.orgId).map(({ action }) => action)).toEqual([
      'device.approved',
      'login.created',
    ]);
  });

  test('that polls twice at once gets tokens once', async () => {
    const person = await aPerson(db);
    const device = await start();
    await decide(await signedIn(person), device.userCode);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => poll(device)));
    expect(outcomes.filter(({ outcome }) => outcome === 'granted')).toHaveLength(1);
    const { rows } = await db.owner.query(`select 1 from logins where user_id = $1 and method = 'device'`, [
      person.userId,
    ]);
    expect(rows).toHaveLength(1);
    expect(await poll(device)).toEqual(refused('invalid_grant'));
  });

  test('that polls too soon is slowed down, more each time, and hurrying does not pay after approval either', async () => {
    const device = await start();
    expect(await poll(device)).toEqual(refused('authorization_pending'));
    expect(await poll(device)).toEqual(refused('slow_down'));
    const interval = async () =>
      (await db.owner.query('select interval_seconds from device_authorizations order by created_at desc limit 1'))
        .rows[0];
    expect(await interval()).toEqual({ interval_seconds: 10 });
    await waited(6);
    expect(await poll(device)).toEqual(refused('slow_down'));
    expect(await interval()).toEqual({ interval_seconds: 15 });
    await decide(await signedIn(await aPerson(db)), device.userCode);
    expect(await poll(device)).toEqual(refused('slow_down'));
    await waited(20);
    expect(await poll(device)).toMatchObject({ outcome: 'granted' });
  });

  test('that is refused is told, and so is one that nobody answered', async () => {
    const by = await signedIn(await aPerson(db));
    const [denied, late] = [await start(), await start()];
    await decide(by, denied.userCode, { decision: 'deny' });
    expect(await poll(denied)).toEqual(refused('access_denied'));
    await decide(by, late.userCode);
    await db.owner.query(
      `update device_authorizations set expires_at = now() where decision = 'approved' and claimed_at is null`,
    );
    expect(await poll(late)).toEqual(refused('expired_token'));
  });

  test('gets nothing with the code of another client, nor with one that was made up', async () => {
    const device = await start();
    await decide(await signedIn(await aPerson(db)), device.userCode);
    expect(await poll(device, 'another')).toEqual(refused('invalid_grant'));
    expect(await poll({ deviceCode: `dc_${'x'.repeat(43)}` })).toEqual(refused('invalid_grant'));
    expect(await poll(device)).toMatchObject({ outcome: 'granted' });
  });

  test('holds no more than it asked for, nor more than the person has', async () => {
    const person = await aPerson(db, { role: 'viewer' });
    const device = await start({ scopes: ['evaluations:read', 'members:write'] });
    await decide(await signedIn(person), device.userCode);
    const granted = await poll(device);
    if (granted.outcome !== 'granted') throw new Error(`It was refused: ${granted.reason}.`);
    const principal = await whoIs(granted.pair.accessToken);
    expect([...principal.scopes]).toEqual(['evaluations:read']);
    expect(principal.isPlatformAdmin).toBe(false);
  });

  test('that asks for what nobody has heard of is refused at once', async () => {
    await expect(start({ scopes: ['world:rule'] })).rejects.toMatchObject({ code: 'device.invalid_scope' });
  });

  test('gets nothing when the person was removed or disabled in the meantime', async () => {
    const [gone, disabled] = [await aPerson(db), await aPerson(db)];
    const [first, second] = [await start(), await start()];
    await decide(await signedIn(gone), first.userCode);
    await decide(await signedIn(disabled), second.userCode);
    await db.owner.query('delete from memberships where user_id = $1', [gone.userId]);
    await db.owner.query('update users set disabled_at = now() where id = $1', [disabled.userId]);
    expect(await poll(first)).toEqual(refused('access_denied'));
    expect(await poll(second)).toEqual(refused('access_denied'));
  });
});

describe('a person', () => {
  test('decides once: of two at once one does', async () => {
    const by = await signedIn(await aPerson(db));
    const device = await start();
    const settled = await Promise.allSettled([
      decide(by, device.userCode),
      decide(by, device.userCode, { decision: 'deny' }),
      decide(by, device.userCode),
    ]);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(decide(by, device.userCode)).rejects.toMatchObject({ code: 'device.code_unknown' });
  });

  test.each(['BCDF-GHJK', 'nonsense', ''])('who types %j is told that nobody waits', async (userCode) => {
    const by = await signedIn(await aPerson(db));
    await expect(decide(by, userCode)).rejects.toMatchObject({ code: 'device.code_unknown', kind: 'not_found' });
    await expect(operator.run(of.getDevice, aCall({ principal: by }), { userCode })).rejects.toMatchObject({
      code: 'device.code_unknown',
    });
  });

  test('who is in several organizations chooses one of them, and no other', async () => {
    const person = await aPerson(db);
    const second = await db.organization();
    await db.owner.query(`insert into memberships (org_id, user_id, role) values ($1, $2, 'viewer')`, [
      second,
      person.userId,
    ]);
    const by = await signedIn(person);
    const device = await start();
    const needed = { code: 'device.organization_needed' };
    await expect(decide(by, device.userCode)).rejects.toMatchObject(needed);
    await expect(decide(by, device.userCode, { orgId: await db.organization() })).rejects.toMatchObject(needed);
    await decide(by, device.userCode, { orgId: second });
    const granted = await poll(device);
    expect(granted).toMatchObject({ outcome: 'granted', pair: { orgId: second } });
  });

  test('who is in none can still let a device in; it stands for nothing but them', async () => {
    const person = await aPerson(db);
    await db.owner.query('delete from memberships where user_id = $1', [person.userId]);
    const device = await start();
    await decide(await signedIn(person), device.userCode);
    expect(await poll(device)).toMatchObject({ outcome: 'granted', pair: { orgId: null } });
  });

  test('who did not ask for it says so, and the log keeps it', async () => {
    const person = await aPerson(db);
    const device = await start();
    await decide(await signedIn(person), device.userCode, { decision: 'deny', isReported: true });
    expect(audited.at(-1)).toMatchObject({
      orgId: person.orgId,
      action: 'device.reported',
      detail: { client_id: 'a-cli' },
      personal: { device_name: 'laptop', device_address: '203.0.113.7' },
    });
    expect(await poll(device)).toEqual(refused('access_denied'));
  });

  test('is needed: neither a key nor a device lets in another', async () => {
    const person = await aPerson(db);
    const device = await start();
    const denied = { kind: 'denied', code: 'device.person_needed' };
    await expect(decide(await signedIn(person, 'device'), device.userCode)).rejects.toMatchObject(denied);
    const key = aCall({ principal: { ...(await signedIn(person)), kind: 'api_key', loginId: null } });
    await expect(operator.run(of.getDevice, key, { userCode: device.userCode })).rejects.toMatchObject(denied);
  });
});

test('codes are kept as digests only', async () => {
  const device = await start();
  const { rows } = await db.owner.query('select * from device_authorizations');
  const kept = JSON.stringify(rows, (_name, value) => (Buffer.isBuffer(value) ? value.toString('latin1') : value));
  expect(kept).not.toContain(device.deviceCode);
  expect(kept).not.toContain(device.userCode);
});

test('old requests are forgotten a day after their end', async () => {
  await start();
  await db.owner.query(`update device_authorizations set expires_at = now() - interval '25 hours'`);
  const kept = await start();
  await systemTransaction(deleteOldDeviceRequests);
  expect((await db.owner.query('select 1 from device_authorizations')).rows).toHaveLength(1);
  expect(await poll(kept)).toEqual(refused('authorization_pending'));
});
