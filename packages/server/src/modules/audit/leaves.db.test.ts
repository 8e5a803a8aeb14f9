import { describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../../test/calls.ts';
import { testDatabase } from '../../../test/database.ts';
import { governed } from '../../../test/governed.ts';
import { AppError } from '../../kernel/errors.ts';
import type { OrganizationId } from '../../kernel/ids.ts';
import { ANONYMOUS } from '../../kernel/principal.ts';
import { operation } from '../../platform/operation.ts';
import { INSTALLATION } from './model.ts';

const db = testDatabase();
const operator = governed(db);

const act = operation({
  name: 'things.thing.make',
  summary: 'Make a thing.',
  scope: 'evaluations:write',
  effect: 'create',
  rate: 'included',
  audit: {
    action: 'thing.made',
    target: (input: { fails?: boolean }) => ({ type: 'thing', id: String(input.fails ?? 'it') }),
    detail: () => ({ size: 3 }),
  },
  async run(_context, input) {
    if (input.fails) throw new Error('no');
  },
});

async function leavesOf(orgId: unknown): Promise<Record<string, unknown>[]> {
  const { rows } = await db.owner.query('select * from audit_leaves where org_id = $1 order by id', [orgId]);
  return rows;
}

const member = async (more = {}) => aPrincipal({ orgId: (await db.organization()) as OrganizationId, ...more });

describe('a leaf', () => {
  test('says who did what to what, through which door and in which request', async () => {
    const principal = await member();
    const call = aCall({ principal });
    await operator.run(act, call, {});
    expect(await leavesOf(principal.orgId)).toMatchObject([
      {
        action: 'thing.made',
        outcome: 'allowed',
        actor_kind: 'api_key',
        actor_id: principal.id,
        credential: 'none',
        via: 'http',
        target_type: 'thing',
        target_id: 'it',
        request_id: call.requestId,
        trace_id: call.traceId,
        personal: { address: '203.0.113.7' },
        detail: { size: 3 },
      },
    ]);
  });

  test('is not there when the act is not', async () => {
    const principal = await member();
    await expect(operator.run(act, aCall({ principal }), { fails: true })).rejects.toThrow();
    expect(await leavesOf(principal.orgId)).toEqual([]);
  });

  test('of a refusal says what was tried and why not, and the act did not run', async () => {
    const principal = await member({ scopes: new Set() });
    await expect(operator.run(act, aCall({ principal }), {})).rejects.toMatchObject({ kind: 'denied' });
    expect(await leavesOf(principal.orgId)).toMatchObject([
      {
        action: 'thing.made',
        outcome: 'refused',
        target_id: null,
        detail: { operation: 'things.thing.make', reason: 'access.scope_missing' },
      },
    ]);
  });

  test('of a refusal of somebody in no organization is in the log of the installation', async () => {
    const principal = aPrincipal({ orgId: null, scopes: new Set() });
    await expect(operator.run(act, aCall({ principal }), {})).rejects.toMatchObject({ kind: 'denied' });
    const leaves = await leavesOf(INSTALLATION);
    expect(leaves.filter(({ actor_id }) => actor_id === principal.id)).toMatchObject([{ outcome: 'refused' }]);
  });

  test('of a sign-in that failed says from where it was tried', async () => {
    const signIn = operation({
      ...act,
      name: 'things.door.open',
      scope: 'public',
      audit: 'own',
      transaction: 'system',
      async run() {
        throw new AppError('unauthenticated', 'login.invalid', 'No.');
      },
    });
    const call = aCall({ principal: ANONYMOUS, address: '198.51.100.77' });
    await expect(operator.run(signIn, call, {})).rejects.toMatchObject({ kind: 'unauthenticated' });
    const leaves = await leavesOf(INSTALLATION);
    expect(leaves.filter(({ request_id }) => request_id === call.requestId)).toMatchObject([
      {
        action: 'things.door.open',
        outcome: 'refused',
        actor_kind: 'anonymous',
        personal: { address: '198.51.100.77' },
        detail: { reason: 'login.invalid' },
      },
    ]);
  });

  test('of refusals comes at a bounded rate: a flood does not fill the disk', async () => {
    const principal = await member({ scopes: new Set() });
    await Promise.allSettled(Array.from({ length: 300 }, () => operator.run(act, aCall({ principal }), {})));
    const leaves = await leavesOf(principal.orgId);
    expect(leaves.length).toBeGreaterThan(0);
    // Five a second; the flood may take a few seconds on a busy machine.
    expect(leaves.length).toBeLessThan(60);
  });
});
