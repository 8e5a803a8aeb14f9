import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aKey, aPerson } from '../../../../test/people.ts';
import { newId } from '../../../kernel/ids.ts';
import { MEMBER_ROLES, type MemberRole, type Principal } from '../../../kernel/principal.ts';
import { coverage, KEY_TEMPLATES, ROLE_SCOPES } from '../../access/index.ts';
import { Authenticator } from '../authenticator.ts';
import { grantPlatform } from '../platform/store.ts';
import type { NewKeyRequest } from './create-key.ts';
import { freezeKeysOf, revokeKeysOf } from './departures.ts';
import { newRawKey } from './model.ts';
import { keyOperations } from './operations.ts';

import { findKeyReach } from './store-grants.ts';
import { KeyUsage } from './usage.ts';

const db = testDatabase();
const operator = governed(db);
const system = { orgId: null };
const of = keyOperations({
  grantsChanged: () => {},
  reachOf: (orgId, id) => db.system.statements(system, (tx) => findKeyReach(tx, orgId, id)),
});
const refused = { kind: 'unauthenticated', code: 'credential.invalid' };

/** Asks the database about every credential, and knows none but keys. */
const authenticator = new Authenticator({
  tokens: null as never,
  systemRead: (work) => db.system.statements(system, work),
  hearsRevocations: () => false,
});
const use = (value: string, address: string | null = null): Promise<Principal> =>
  authenticator.authenticate({ kind: 'api_key', value }, null, address);

async function somebody(role: MemberRole = 'admin', orgId?: string): Promise<Principal> {
  const { userId, orgId: organization } = await aPerson(db, { role, ...(orgId === undefined ? {} : { orgId }) });
  const scopes = new Set(ROLE_SCOPES[role]);
  return aPrincipal({ kind: 'user', id: userId, userId, orgId: organization, role, scopes });
}

const create = (principal: Principal, more: Partial<NewKeyRequest> = {}) =>
  operator.run(of.createKey, aCall({ principal }), {
    name: 'ci',
    scopes: null,
    template: null,
    expiresAt: null,
    ...more,
  });
const change = (principal: Principal, id: string, patch: object) =>
  operator.run(of.updateKey, aCall({ principal }), { id, expected: null, ...patch });
const rotate = (principal: Principal, id: string, overlapSeconds: number) =>
  operator.run(of.rotateKey, aCall({ principal }), { id, expected: null, overlapSeconds });
const removeMember = (orgId: string, userId: string): Promise<void> =>
  db.system.transaction(system, async (tx) => {
    await freezeKeysOf(tx, orgId, userId);
    await tx.query({ name: 'test.remove', text: 'delete from memberships where org_id = $1 and user_id = $2' }, [
      orgId,
      userId,
    ]);
  });

describe('a rotation', () => {
  test('gives a new secret to the same key, and the old one works for the overlap', async () => {
    const by = await somebody();
    const { key, rawKey } = await create(by);
    const rotated = await rotate(by, key.id, 60);
    expect(rotated.key).toMatchObject({ id: key.id, createdAt: key.createdAt, version: key.version + 1 });
    expect(rotated.key.previousExpiresAt?.getTime()).toBeGreaterThan(Date.now() + 50_000);
    expect([await use(rawKey), await use(rotated.rawKey)].map(({ id }) => id)).toEqual([key.id, key.id]);
    await db.owner.query(`update api_keys set previous_expires_at = now() where id = $1`, [key.id]);
    await expect(use(rawKey)).rejects.toMatchObject(refused);
    expect((await use(rotated.rawKey)).id).toBe(key.id);
  });

  test('without an overlap ends the old secret at once, and a second one ends the first at once', async () => {
    const by = await somebody();
    const { key, rawKey } = await create(by);
    const second = await rotate(by, key.id, 60);
    const third = await rotate(by, key.id, 60);
    await expect(use(rawKey)).rejects.toMatchObject(refused);
    await use(second.rawKey);
    const fourth = await rotate(by, key.id, 0);
    for (const old of [second, third]) await expect(use(old.rawKey)).rejects.toMatchObject(refused);
    await use(fourth.rawKey);
  });

  test('is undone by nothing: a revocation ends both secrets', async () => {
    const by = await somebody();
    const { key, rawKey } = await create(by);
    const rotated = await rotate(by, key.id, 60);
    await operator.run(of.revokeKey, aCall({ principal: by }), { id: key.id });
    for (const raw of [rawKey, rotated.rawKey]) await expect(use(raw)).rejects.toMatchObject(refused);
    await expect(rotate(by, key.id, 60)).rejects.toMatchObject({ kind: 'conflict', code: 'api_key.revoked' });
  });

  test('keeps a configured key without our checksum alive for the overlap, after a restart too', async () => {
    const by = await somebody('owner');
    const raw = `sk_from-configuration-${randomBytes(6).toString('hex')}`;
    const { id } = await aKey(db, { orgId: String(by.orgId), raw, scopes: [] });
    await db.owner.query('update api_keys set is_checksummed = false where id = $1', [id]);
    await rotate(by, id, 60);
    await expect(use(raw)).rejects.toMatchObject(refused);
    await authenticator.start();
    expect((await use(raw)).id).toBe(id);
  });
});

describe('whoever changes a key', () => {
  test('needs all that it holds: its secret would be theirs', async () => {
    const owner = await somebody('owner');
    const { key } = await create(owner, { template: 'full_access' });
    const limited = { ...owner, scopes: new Set(['apikeys:read', 'apikeys:write', 'evaluations:read']) };
    const beyond = { kind: 'denied', code: 'api_key.scope_beyond_yours' };
    await expect(rotate(limited, key.id, 60)).rejects.toMatchObject(beyond);
    await expect(change(limited, key.id, { name: 'mine' })).rejects.toMatchObject(beyond);
    const call = () => aCall({ principal: limited });
    expect((await operator.run(of.disableKey, call(), { id: key.id })).disabledAt).not.toBeNull();
    await expect(operator.run(of.enableKey, call(), { id: key.id })).rejects.toMatchObject(beyond);
    expect((await operator.run(of.revokeKey, call(), { id: key.id })).revokedAt).not.toBeNull();
  });

  test('holds less than an owner, and still changes what an admin made: it stays within the two of them', async () => {
    const owner = await somebody('owner');
    const maker = await somebody('admin', String(owner.orgId));
    const other = await somebody('admin', String(owner.orgId));
    const { key } = await create(maker, { template: 'full_access' });
    const rotated = await rotate(other, key.id, 60);
    await db.owner.query(`update memberships set role = 'owner' where user_id = $1`, [maker.id]);
    for (const scope of (await use(rotated.rawKey)).scopes) expect(coverage(ROLE_SCOPES.admin, scope)).toBe('all');
    const ofOwner = (await create(owner, { template: 'full_access' })).key;
    const beyond = KEY_TEMPLATES.full_access.some((scope) => coverage(ROLE_SCOPES.admin, scope) !== 'all');
    const attempt = await rotate(other, ofOwner.id, 60).then(
      () => 'rotated',
      ({ code }) => code,
    );
    expect(attempt).toBe(beyond ? 'api_key.scope_beyond_yours' : 'rotated');
  });

  test('must govern the installation if the key does', async () => {
    const admin = await somebody('admin');
    const { key } = await create(admin, { scopes: [] });
    await db.system.transaction(system, async (tx) => grantPlatform(tx, { kind: 'api_key', id: key.id }, 'a test'));
    await expect(rotate(admin, key.id, 60)).rejects.toMatchObject({ kind: 'denied' });
    expect((await rotate({ ...admin, isPlatformAdmin: true }, key.id, 60)).key.id).toBe(key.id);
  });

  test('with an old version is refused, and changes nothing', async () => {
    const by = await somebody();
    const { key } = await create(by);
    const renamed = await change(by, key.id, { name: 'new', expected: [key.version] });
    expect(renamed).toMatchObject({ before: { name: 'ci' }, key: { name: 'new', version: key.version + 1 } });
    const stale = change(by, key.id, { name: 'newer', expected: [key.version] });
    await expect(stale).rejects.toMatchObject({ kind: 'precondition' });
    expect((await operator.run(of.getKey, aCall({ principal: by }), { id: key.id })).name).toBe('new');
  });

  test('of two at once with the same version, one wins', async () => {
    const by = await somebody();
    const { key } = await create(by);
    const both = await Promise.allSettled(
      ['a', 'b'].map((name) => change(by, key.id, { name, expected: [key.version] })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('who reaches only their own finds no other', async () => {
    const admin = await somebody('admin');
    const operatorOf = await somebody('operator', String(admin.orgId));
    const { key } = await create(admin, { scopes: ['events:read'] });
    const own = (await create(operatorOf, { scopes: ['events:read'] })).key;
    const call = () => aCall({ principal: operatorOf });
    for (const operation of [of.revokeKey, of.disableKey, of.enableKey]) {
      await expect(operator.run(operation, call(), { id: key.id })).rejects.toMatchObject({ kind: 'not_found' });
      expect((await operator.run(of.disableKey, call(), { id: own.id })).id).toBe(own.id);
    }
    const narrow = { ...operatorOf, scopes: new Set(['apikeys:read:own']) };
    const page = await operator.run(of.listKeys, aCall({ principal: narrow }), { limit: 10, cursor: null });
    expect(page.items.map(({ id }) => id)).toEqual([own.id]);
    await expect(operator.run(of.getKey, aCall({ principal: narrow }), { id: key.id })).rejects.toMatchObject({
      kind: 'not_found',
    });
  });
});

describe('a key that is bound to addresses', () => {
  test('works from there and from nowhere else, also where nobody knows from where', async () => {
    const by = await somebody();
    const { key, rawKey } = await create(by, { allowedAddresses: ['192.0.2.0/24', '2001:DB8::1'] });
    expect(key.allowedAddresses).toEqual(['192.0.2.0/24', '2001:db8::1/128']);
    for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::1'])
      expect((await use(rawKey, address)).id).toBe(key.id);
    for (const address of ['192.0.3.9', '2001:db8::2', 'nonsense', null])
      await expect(use(rawKey, address)).rejects.toMatchObject({ kind: 'denied', code: 'credential.address_refused' });
  });

  test('makes and changes only keys that are bound as tightly, itself included', async () => {
    const by = await somebody();
    const { rawKey, key } = await create(by, { template: 'full_access', allowedAddresses: ['192.0.2.0/24'] });
    const parent = await use(rawKey, '192.0.2.1');
    expect((await create(parent)).key.allowedAddresses).toEqual(['192.0.2.0/24']);
    expect((await create(parent, { allowedAddresses: ['192.0.2.7'] })).key.allowedAddresses).toEqual(['192.0.2.7/32']);
    const beyond = { kind: 'denied', code: 'api_key.restriction_beyond_yours' };
    await expect(create(parent, { allowedAddresses: ['192.0.0.0/16'] })).rejects.toMatchObject(beyond);
    await expect(create(parent, { allowedAddresses: [] })).rejects.toMatchObject(beyond);
    await expect(change(parent, key.id, { allowedAddresses: null })).rejects.toMatchObject(beyond);
    const free = (await create(by, { scopes: [] })).key;
    await expect(rotate(parent, free.id, 0)).rejects.toMatchObject(beyond);
  });

  test.each(['10.0.0.0/33', 'example.com', ''])('does not take %j for an address', async (address) => {
    await expect(create(await somebody(), { allowedAddresses: [address] })).rejects.toMatchObject({ kind: 'invalid' });
  });
});

test('a key that expires makes none that lives longer', async () => {
  const by = await somebody();
  const expiresAt = new Date(Date.now() + 3_600_000);
  const parent = await use((await create(by, { template: 'full_access', expiresAt })).rawKey);
  expect((await create(parent)).key.expiresAt).toEqual(expiresAt);
  const later = new Date(expiresAt.getTime() + 1);
  await expect(create(parent, { expiresAt: later })).rejects.toMatchObject({
    code: 'api_key.restriction_beyond_yours',
  });
});

describe('a key whose maker leaves', () => {
  test('keeps what they could do at that moment, for good', async () => {
    const admin = await somebody('admin');
    const orgId = String(admin.orgId);
    const { rawKey, key } = await create(admin, { template: 'full_access' });
    await db.owner.query(`update memberships set role = 'developer' where user_id = $1`, [admin.id]);
    await removeMember(orgId, admin.id);
    const held = new Set([...KEY_TEMPLATES.full_access].flatMap((scope) => [scope, `${scope}:own`]));
    const left = await use(rawKey);
    expect(left).toMatchObject({ id: key.id, role: 'developer', userId: null });
    for (const scope of left.scopes) expect(coverage(ROLE_SCOPES.developer, scope)).toBe('all');
    expect([...left.scopes].every((scope) => held.has(scope))).toBe(true);
    await db.owner.query(`insert into memberships (org_id, user_id, role) values ($1, $2, 'owner')`, [orgId, admin.id]);
    expect((await use(rawKey)).scopes).toEqual(left.scopes);
    const owner = await somebody('owner', orgId);
    await expect(change(owner, key.id, { template: 'full_access' })).rejects.toMatchObject({ kind: 'denied' });
    expect((await change(owner, key.id, { scopes: ['events:read'] })).key.scopes).toEqual(['events:read']);
  });

  test('and that was made while they were being removed is dead', async () => {
    const admin = await somebody('admin');
    await removeMember(String(admin.orgId), admin.id);
    const { raw } = await aKey(db, { orgId: String(admin.orgId), createdBy: admin.id });
    await expect(use(raw)).rejects.toMatchObject(refused);
  });
});

describe('a key of a service account', () => {
  async function aServiceAccount(orgId: string, role: MemberRole): Promise<string> {
    const id = newId();
    await db.owner.query(`insert into users (id, kind, email, name) values ($1, 'service', $2, 'CI')`, [
      id,
      `${id}@sa`,
    ]);
    await db.owner.query('insert into memberships (org_id, user_id, role) values ($1, $2, $3)', [orgId, id, role]);
    return id;
  }

  test('is bounded by the account, and goes with it', async () => {
    const admin = await somebody('admin');
    const orgId = String(admin.orgId);
    const serviceAccountId = await aServiceAccount(orgId, 'viewer');
    const { key, rawKey } = await create(admin, { serviceAccountId, template: 'full_access' });
    expect(key).toMatchObject({ serviceAccountId, createdBy: admin.id });
    expect(await use(rawKey)).toMatchObject({ userId: serviceAccountId, role: 'viewer' });
    expect((await use(rawKey)).scopes).toEqual(new Set(ROLE_SCOPES.viewer));
    await removeMember(orgId, admin.id);
    expect((await use(rawKey)).scopes).toEqual(new Set(ROLE_SCOPES.viewer));
    await db.owner.query('update users set disabled_at = now() where id = $1', [serviceAccountId]);
    await expect(use(rawKey)).rejects.toMatchObject(refused);
    await db.owner.query('update users set disabled_at = null where id = $1', [serviceAccountId]);
    await use(rawKey);
    const revoked = await db.system.transaction(system, (tx) => revokeKeysOf(tx, orgId, serviceAccountId));
    expect(revoked).toEqual([key.id]);
    await expect(use(rawKey)).rejects.toMatchObject(refused);
  });

  test('holds nothing that the account lacks, and stands for no person', async () => {
    const admin = await somebody('admin');
    const viewer = await aServiceAccount(String(admin.orgId), 'viewer');
    const asked = { serviceAccountId: viewer, scopes: ['evaluations:write'] };
    await expect(create(admin, asked)).rejects.toMatchObject({ code: 'api_key.scope_beyond_yours' });
    const foreign = await aServiceAccount(await db.organization(), 'owner');
    for (const serviceAccountId of [admin.id, foreign, newId(), 'x'])
      await expect(create(admin, { serviceAccountId })).rejects.toMatchObject({
        code: 'api_key.service_account_unknown',
      });
  });
});

test('a body that names another organization than the request makes no key', async () => {
  const by = await somebody();
  await expect(create(by, { organizationId: newId() })).rejects.toMatchObject({ kind: 'not_found' });
  expect((await create(by, { organizationId: by.orgId })).key.orgId).toBe(by.orgId);
});

describe('the last use of a key', () => {
  test('is written in one statement for all keys, and no more than once a minute for each', async () => {
    const by = await somebody();
    const made = await Promise.all([create(by), create(by)]);
    let statements = 0;
    const log = pino({ level: 'silent' });
    await using usage = new KeyUsage({
      log,
      statements: (work) => {
        statements += 1;
        return db.system.statements(system, work);
      },
    });
    for (let round = 0; round < 100; round++)
      for (const { rawKey } of made.slice(0, 2)) usage.note(await use(rawKey), `192.0.2.${round % 9}`);
    await usage.flush();
    await usage.flush();
    expect(statements).toBe(1);
    const used = await operator.run(of.getKey, aCall({ principal: by }), { id: String(made[0]?.key.id) });
    expect(used.lastUsedAddress).toBe('192.0.2.0');
    expect(Math.abs(Date.now() - Number(used.lastUsedAt?.getTime()))).toBeLessThan(60_000);
    expect(used.version).toBe(1);
  });
});

/** A person who comes, goes and changes roles, and the most that each key they made may hold. */
class Maker {
  readonly person: Principal;
  role: MemberRole | null;
  readonly keys: { raw: string; ceiling: ReadonlySet<string>; isFrozen: boolean }[] = [];

  constructor(person: Principal) {
    this.person = person;
    this.role = person.role;
  }

  async changesTo(role: MemberRole): Promise<void> {
    if (this.role === null) return;
    await db.owner.query('update memberships set role = $1 where user_id = $2', [role, this.person.id]);
    this.role = role;
  }

  async leaves(): Promise<void> {
    if (this.role === null) return;
    await removeMember(String(this.person.orgId), this.person.id);
    const bound: ReadonlySet<string> = ROLE_SCOPES[this.role];
    for (const key of this.keys.filter(({ isFrozen }) => !isFrozen)) {
      key.ceiling = new Set([...key.ceiling].filter((scope) => coverage(bound, scope) !== 'none'));
      key.isFrozen = true;
    }
    this.role = null;
  }

  async joinsAs(role: MemberRole): Promise<void> {
    if (this.role !== null) return;
    const { orgId, id } = this.person;
    await db.owner.query('insert into memberships (org_id, user_id, role) values ($1, $2, $3)', [orgId, id, role]);
    this.role = role;
  }

  /** Makes a key as the role allows, or is refused. */
  async makes(asked: Partial<NewKeyRequest>): Promise<void> {
    if (this.role === null) return;
    const scopes = new Set(ROLE_SCOPES[this.role]);
    const issued = await create({ ...this.person, role: this.role, scopes }, asked).catch(() => null);
    if (issued) this.keys.push({ raw: issued.rawKey, ceiling: scopes, isFrozen: false });
  }

  async holds(): Promise<void> {
    const bound: ReadonlySet<string> | null = this.role && ROLE_SCOPES[this.role];
    for (const { raw, ceiling, isFrozen } of this.keys) {
      const beyond = [...(await use(raw)).scopes].filter(
        (scope) =>
          coverage(ceiling, scope) === 'none' || (!isFrozen && bound !== null && coverage(bound, scope) !== 'all'),
      );
      expect(beyond).toEqual([]);
    }
  }
}

test('whatever happens in between, no key ever holds what its maker could not do then or cannot do now', async () => {
  const role = fc.constantFrom(...MEMBER_ROLES);
  const scopes = fc.subarray([...KEY_TEMPLATES.full_access, 'apikeys:write:own', 'audit:read:own']);
  type Step = (maker: Maker) => Promise<void>;
  const step: fc.Arbitrary<Step> = fc.oneof(
    role.map(
      (to): Step =>
        (maker) =>
          maker.changesTo(to),
    ),
    fc.constant<Step>((maker) => maker.leaves()),
    role.map(
      (as): Step =>
        (maker) =>
          maker.joinsAs(as),
    ),
    scopes.map(
      (asked): Step =>
        (maker) =>
          maker.makes({ scopes: asked }),
    ),
    fc.constant<Step>((maker) => maker.makes({ template: 'read_only' })),
  );
  await fc.assert(
    fc.asyncProperty(role, fc.array(step, { minLength: 3, maxLength: 12 }), async (first, steps) => {
      const maker = new Maker(await somebody(first));
      for (const take of steps) {
        await take(maker);
        await maker.holds();
      }
    }),
    { numRuns: 40 },
  );
});

test('a key that was never issued is refused like one that was revoked', async () => {
  await expect(use(newRawKey())).rejects.toMatchObject(refused);
});
