import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../test/calls.ts';
import { testDatabase } from '../../test/database.ts';
import { governed } from '../../test/governed.ts';
import type { OrganizationId } from '../kernel/ids.ts';
import type { Principal } from '../kernel/principal.ts';
import { Sensitive } from '../kernel/sensitive.ts';
import { statement } from './db/index.ts';
import { deleteOldKeys, IdempotencyStore } from './idempotency-store.ts';
import { type Call, operation } from './operation.ts';

const db = testDatabase();
const operator = governed(db);

const insertEvent = statement(
  'test.idempotent_effect',
  `insert into events (org_id, type, subject, data) values ($1, 'test', $2, '{}')`,
);

/** Leaves a row for each time that it really ran. */
const act = operation({
  name: 'things.thing.make',
  summary: 'Make a thing.',
  scope: 'evaluations:write',
  effect: 'create',
  rate: 'included',
  audit: { action: 'thing.made' },
  async run({ tx, by }, input: { subject: string; fails?: boolean }) {
    await tx.query(insertEvent, [String(by.orgId), input.subject]);
    if (input.fails) throw new Error('The process dies here.');
    return { madeAt: new Date('2026-01-02T03:04:05.678Z'), secret: 'sk_shown_once', nothing: undefined };
  },
});
const otherAct = operation({ ...act, name: 'things.other.make' });

const member = async (): Promise<Principal> => aPrincipal({ orgId: (await db.organization()) as OrganizationId });

const keyed = (principal: Principal, key: string, body: unknown = 'body'): Call =>
  aCall({ principal, idempotency: { key, inputHash: createHash('sha256').update(JSON.stringify(body)).digest() } });

async function effectsOf({ orgId }: Principal, subject: string): Promise<{ effects: number; leaves: number }> {
  const { rows } = await db.owner.query(
    `select (select count(*)::integer from events where org_id = $1 and subject = $2) as effects,
       (select count(*)::integer from audit_leaves where org_id = $1 and outcome = 'allowed') as leaves`,
    [orgId, subject],
  );
  return rows[0];
}

describe('a request with an idempotency key', () => {
  test('sent again has one effect and the same answer, dates included', async () => {
    const by = await member();
    const [first, second] = [keyed(by, 'again'), keyed(by, 'again')];
    const answer = await operator.run(act, first, { subject: 'again' });
    expect(await operator.run(act, second, { subject: 'again' })).toEqual({
      madeAt: new Date('2026-01-02T03:04:05.678Z'),
      secret: 'sk_shown_once',
    });
    expect(answer.madeAt).toEqual(new Date('2026-01-02T03:04:05.678Z'));
    expect([first.notes.replayed, second.notes.replayed]).toEqual([false, true]);
    expect(await effectsOf(by, 'again')).toEqual({ effects: 1, leaves: 1 });
  });

  test('sent fifty times at once has one effect; whoever comes too early is told to come again', async () => {
    const by = await member();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => operator.run(act, keyed(by, 'flood'), { subject: 'flood' })),
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') expect(outcome.value.secret).toBe('sk_shown_once');
      else
        expect(outcome.reason).toMatchObject({
          kind: 'conflict',
          code: 'idempotency.in_progress',
          retryAfterMs: 1_000,
        });
    }
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await effectsOf(by, 'flood')).toEqual({ effects: 1, leaves: 1 });
  });

  test('that is still running holds no second connection: the second request is answered at once', async () => {
    const by = await member();
    const [started, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = operation({
      ...act,
      async run() {
        started.resolve();
        await mayEnd.promise;
        return { madeAt: new Date(), secret: '', nothing: undefined };
      },
    });
    const first = operator.run(slow, keyed(by, 'slow'), { subject: 'slow' });
    await started.promise;
    await expect(operator.run(slow, keyed(by, 'slow'), { subject: 'slow' })).rejects.toMatchObject({
      code: 'idempotency.in_progress',
    });
    mayEnd.resolve();
    await first;
    const third = keyed(by, 'slow');
    await operator.run(slow, third, { subject: 'slow' });
    expect(third.notes.replayed).toBe(true);
  });

  test('used with another body is refused, and the other body has no effect', async () => {
    const by = await member();
    await operator.run(act, keyed(by, 'body', { a: 1 }), { subject: 'body' });
    await expect(operator.run(act, keyed(by, 'body', { a: 2 }), { subject: 'body' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'idempotency.key_reused',
    });
    expect(await effectsOf(by, 'body')).toEqual({ effects: 1, leaves: 1 });
  });

  test('whose act was rolled back leaves neither effect nor answer: the retry acts', async () => {
    const by = await member();
    await expect(operator.run(act, keyed(by, 'crash'), { subject: 'crash', fails: true })).rejects.toMatchObject({
      kind: 'internal',
    });
    expect(await effectsOf(by, 'crash')).toEqual({ effects: 0, leaves: 0 });
    const retry = keyed(by, 'crash');
    await operator.run(act, retry, { subject: 'crash' });
    expect(retry.notes.replayed).toBe(false);
    expect(await effectsOf(by, 'crash')).toEqual({ effects: 1, leaves: 1 });
  });

  test('is remembered for a day and forgotten after it', async () => {
    const by = await member();
    const age = (hours: number): Promise<unknown> =>
      inOwner(
        `update idempotency_keys set created_at = now() - make_interval(hours => ${hours}) where org_id = '${by.orgId}'`,
      );
    await operator.run(act, keyed(by, 'old'), { subject: 'old' });
    await age(23);
    const within = keyed(by, 'old');
    await operator.run(act, within, { subject: 'old' });
    expect(within.notes.replayed).toBe(true);
    await age(25);
    const after = keyed(by, 'old', 'another body');
    await operator.run(act, after, { subject: 'old' });
    expect(after.notes.replayed).toBe(false);
    expect(await effectsOf(by, 'old')).toEqual({ effects: 2, leaves: 2 });
  });
});

describe('a key', () => {
  test('means another thing to another principal, organization or operation', async () => {
    const by = await member();
    const colleague = aPrincipal({ orgId: by.orgId });
    const stranger = { ...by, orgId: (await db.organization()) as OrganizationId };
    for (const [principal, of] of [
      [by, act],
      [colleague, act],
      [stranger, act],
      [by, otherAct],
    ] as const) {
      const call = keyed(principal, 'common');
      await operator.run(of, call, { subject: 'common' });
      expect(call.notes.replayed).toBe(false);
    }
    expect(await effectsOf(by, 'common')).toMatchObject({ effects: 3 });
    expect(await effectsOf(stranger, 'common')).toMatchObject({ effects: 1 });
  });

  test('is not mistaken for another by where its parts end', async () => {
    const by = await member();
    const store = new IdempotencyStore(new Sensitive(randomBytes(32)));
    const scope = { orgId: String(by.orgId), inputHash: Buffer.alloc(32) };
    await db.app.transaction({ orgId: scope.orgId }, async (tx) => {
      store.store(tx, { ...scope, principalId: 'a', operation: 'b', key: 'c' }, 'abc');
    });
    const found = await db.app.transaction({ orgId: scope.orgId }, (tx) =>
      store.claim(tx, { ...scope, principalId: 'a', operation: 'b', key: 'cc' }),
    );
    expect(found).toBeNull();
  });
});

describe('a stored answer', () => {
  test('cannot be read in the database', async () => {
    const by = await member();
    await operator.run(act, keyed(by, 'sealed'), { subject: 'sealed' });
    const { rows } = await db.owner.query('select * from idempotency_keys where org_id = $1', [by.orgId]);
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows.map((row) => ({ ...row, text: row.sealed_output.toString('latin1') })))).not.toContain(
      'sk_shown_once',
    );
  });

  test('opens for the request that it belongs to and for no other', async () => {
    const [mine, theirs] = [await db.organization(), await db.organization()];
    const store = new IdempotencyStore(new Sensitive(randomBytes(32)));
    const scope = { principalId: 'p', operation: 'o', key: 'k', inputHash: Buffer.alloc(32) };
    await db.app.transaction({ orgId: mine }, async (tx) => store.store(tx, { ...scope, orgId: mine }, 'mine'));
    await inOwner(
      `insert into idempotency_keys (org_id, principal_id, operation, key, input_hash, sealed_output)
       select '${theirs}', principal_id, operation, key, input_hash, sealed_output from idempotency_keys where org_id = '${mine}'`,
    );
    const claim = db.app.transaction({ orgId: theirs }, (tx) => store.claim(tx, { ...scope, orgId: theirs }));
    await expect(claim).rejects.toThrow();
  });

  test('goes when it is a day old', async () => {
    const by = await member();
    await operator.run(act, keyed(by, 'young'), { subject: 'retention' });
    await operator.run(act, keyed(by, 'aged'), { subject: 'retention' });
    await inOwner(
      `update idempotency_keys set created_at = now() - interval '25 hours' where org_id = '${by.orgId}' and key = 'aged'`,
    );
    await db.system.statements({ orgId: null }, deleteOldKeys);
    const { rows } = await db.owner.query('select key from idempotency_keys where org_id = $1', [by.orgId]);
    expect(rows).toEqual([{ key: 'young' }]);
  });
});

/** Runs a statement beyond what the serving roles may do: as the owner of the tables, past row security. */
async function inOwner(sql: string): Promise<void> {
  await db.owner.query(`begin; reset role; alter table idempotency_keys no force row level security; ${sql};
    alter table idempotency_keys force row level security; commit; set role assay_system`);
}
