import { describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../../../test/calls.ts';
import { testDatabase } from '../../../../test/database.ts';
import { governed } from '../../../../test/governed.ts';
import { aKey, aPerson } from '../../../../test/people.ts';
import { newId } from '../../../kernel/ids.ts';
import { encodeCursor } from '../../../kernel/page.ts';
import type { MemberRole, Principal } from '../../../kernel/principal.ts';
import { KEY_TEMPLATES, ROLE_SCOPES } from '../../access/index.ts';
import type { NewKeyRequest } from './create-key.ts';
import { hashKey, isWellFormed } from './model.ts';
import { keyOperations } from './operations.ts';
import { findKeyReach } from './store-grants.ts';

const db = testDatabase();
const operator = governed(db);
const { createKey, listKeys, getKey, revokeKey } = keyOperations({
  grantsChanged: () => {},
  reachOf: (orgId, id) => db.system.statements({ orgId: null }, (tx) => findKeyReach(tx, orgId, id)),
});

const request = (more: Partial<NewKeyRequest> = {}): NewKeyRequest => ({
  name: 'ci',
  scopes: null,
  template: null,
  expiresAt: null,
  ...more,
});

/** Somebody of a role, as a person who has signed in. */
async function somebody(role: MemberRole = 'admin', orgId?: string): Promise<Principal> {
  const person = await aPerson(db, { role, ...(orgId === undefined ? {} : { orgId }) });
  return aPrincipal({
    kind: 'user',
    id: person.userId,
    userId: person.userId,
    orgId: person.orgId,
    role,
    scopes: new Set(ROLE_SCOPES[role]),
  });
}

const create = (principal: Principal, more: Partial<NewKeyRequest> = {}) =>
  operator.run(createKey, aCall({ principal }), request(more));
const list = (principal: Principal, limit: number, cursor: string | null = null) =>
  operator.run(listKeys, aCall({ principal }), { limit, cursor });

describe('a new key', () => {
  test('is shown once, kept as a hash, and audited and announced without itself', async () => {
    const by = await somebody();
    const { key, rawKey } = await create(by);
    expect(isWellFormed(rawKey)).toBe(true);
    expect(key).toMatchObject({ name: 'ci', prefix: rawKey.slice(0, 7), lastFour: rawKey.slice(-4), createdBy: by.id });
    const { rows } = await db.owner.query(
      `select (select hash from api_keys where id = $2) as hash,
         (select json_agg(l) from audit_leaves l where org_id = $1) as leaves,
         (select json_agg(e) from events e where org_id = $1) as events`,
      [by.orgId, key.id],
    );
    expect(rows[0].hash).toEqual(hashKey(rawKey));
    expect(rows[0].leaves).toMatchObject([{ action: 'apikey.created', target_id: key.id, actor_id: by.id }]);
    expect(rows[0].events).toMatchObject([{ type: 'apikey.created', subject: key.id }]);
    expect(JSON.stringify(rows[0])).not.toContain(rawKey);
  });

  test('submits and observes unless something else is said', async () => {
    expect((await create(await somebody())).key.scopes).toEqual(KEY_TEMPLATES.submit_observe);
    expect((await create(await somebody(), { template: 'read_only' })).key.scopes).toEqual(KEY_TEMPLATES.read_only);
  });

  test('can be given no scope at all, and then may nothing', async () => {
    expect((await create(await somebody(), { scopes: [] })).key.scopes).toEqual([]);
  });

  test('holds each scope once', async () => {
    const { key } = await create(await somebody(), { scopes: ['events:read', 'events:read'] });
    expect(key.scopes).toEqual(['events:read']);
  });

  test('never holds more than its creator, whether a person or another key', async () => {
    const narrow = aPrincipal({
      orgId: (await somebody()).orgId,
      role: 'owner',
      userId: null,
      scopes: new Set(['apikeys:write', 'events:read']),
    });
    await expect(create(narrow, { scopes: ['events:read', 'audit:read'] })).rejects.toMatchObject({
      kind: 'denied',
      code: 'api_key.scope_beyond_yours',
      message: "A key can't hold more than its creator. You lack: audit:read.",
    });
    const { key } = await create(narrow, { template: 'full_access' });
    expect([key.template, [...key.scopes].sort()]).toEqual([null, ['apikeys:write', 'events:read']]);
    const empty = { ...narrow, scopes: new Set(['apikeys:write:own']) };
    await expect(create(empty, { template: 'read_only' })).rejects.toMatchObject({
      code: 'api_key.scope_beyond_yours',
    });
    expect((await create(narrow, { scopes: ['events:read'] })).key.scopes).toEqual(['events:read']);
  });

  test.each(['nonsense', 'evaluations:*', 'constructor', '__proto__', ''])(
    'of the scope %j is refused, with the ones that there are',
    async (scope) => {
      await expect(create(await somebody(), { scopes: ['events:read', scope] })).rejects.toMatchObject({
        kind: 'invalid',
        code: 'api_key.unknown_scope',
        faults: [{ field: 'scopes', constraint: 'known_scope' }],
      });
    },
  );

  test('that has expired already is refused', async () => {
    const expiresAt = new Date(Date.now() - 1_000);
    await expect(create(await somebody(), { expiresAt })).rejects.toMatchObject({ code: 'api_key.expiry_in_past' });
  });

  test('with a NUL in its name is refused for what it is', async () => {
    await expect(create(await somebody(), { name: 'a\0b' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'text.unstorable',
    });
  });

  test('needs an operator, and an organization that pays', async () => {
    await expect(create(await somebody('developer'))).rejects.toMatchObject({ code: 'access.role_missing' });
    const behind = { ...(await somebody()), posture: 'past_due' } as const;
    await expect(create(behind)).rejects.toMatchObject({ kind: 'billing' });
  });
});

describe('a list of keys', () => {
  test('comes in pages that hold each key once, also those made in one millisecond', async () => {
    const by = await somebody();
    const ids: string[] = [];
    for (let count = 0; count < 25; count++) ids.push((await aKey(db, { orgId: String(by.orgId) })).id);
    // Microseconds apart: finer than the dates of JavaScript.
    await db.owner.query(
      `update api_keys set created_at = '2026-01-01T00:00:00Z'::timestamptz + (n / 2) * interval '1 microsecond'
       from (select id as key, row_number() over () as n from api_keys where org_id = $1) numbered where id = key`,
      [by.orgId],
    );
    for (const limit of [1, 2, 7, 24, 25, 26]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof list>> = await list(by, limit, cursor);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen).toHaveLength(25);
      expect([...seen].sort()).toEqual([...ids].sort());
    }
  });

  test('begins with the newest', async () => {
    const by = await somebody();
    const made = [await create(by, { name: 'first' }), await create(by, { name: 'second' })];
    expect((await list(by, 10)).items.map(({ name }) => name)).toEqual(['second', 'first']);
    expect(made).toHaveLength(2);
  });

  test.each([
    ['with a text for an id', encodeCursor(['yesterday'])],
    ['with an injection for an id', encodeCursor(["' or 1=1"])],
    ['of two keys', encodeCursor([newId(), newId()])],
    ['of nothing', ''],
    ['of garbage', '!!!'],
  ])('after a cursor %s is refused', async (_name, cursor) => {
    await expect(list(await somebody(), 10, cursor)).rejects.toMatchObject({ code: 'page.cursor_invalid' });
  });

  test('after a key of another organization is empty: the cursor tells nothing of it', async () => {
    const [by, stranger] = [await somebody(), await somebody()];
    await create(by);
    const { key } = await create(stranger);
    expect(await list(by, 10, encodeCursor([key.id]))).toEqual({ items: [], nextCursor: null });
  });
});

describe('one key', () => {
  test('is found by its id in its organization, and revoked at once and for good', async () => {
    const by = await somebody();
    const { key } = await create(by);
    expect(await operator.run(getKey, aCall({ principal: by }), { id: key.id })).toEqual(key);
    const revoked = await operator.run(revokeKey, aCall({ principal: by }), { id: key.id });
    expect(revoked.revokedAt).toBeInstanceOf(Date);
    const again = await operator.run(revokeKey, aCall({ principal: by }), { id: key.id });
    expect(again.revokedAt).toEqual(revoked.revokedAt);
  });

  test('of another organization is as one that does not exist', async () => {
    const [by, stranger] = [await somebody(), await somebody()];
    const { key } = await create(stranger);
    for (const id of [key.id, newId(), 'no-uuid', '']) {
      for (const operation of [getKey, revokeKey]) {
        await expect(operator.run(operation, aCall({ principal: by }), { id })).rejects.toMatchObject({
          kind: 'not_found',
          message: 'There is no API key with this id.',
        });
      }
    }
    expect((await operator.run(getKey, aCall({ principal: stranger }), { id: key.id })).revokedAt).toBeNull();
  });

  test('can be revoked by an organization that no longer pays', async () => {
    const by = await somebody();
    const { key } = await create(by);
    const behind = { ...by, posture: 'past_due' } as const;
    expect((await operator.run(revokeKey, aCall({ principal: behind }), { id: key.id })).revokedAt).not.toBeNull();
  });
});
