import { describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../test/calls.ts';
import { AppError } from '../kernel/errors.ts';
import { ANONYMOUS } from '../kernel/principal.ts';
import type { Tx } from './db/index.ts';
import { type Call, type Governance, type OperationDefinition, Operator, operation } from './operation.ts';

/** Governance that allows everything and writes down what it is asked to do. */
function recording(overrides: Partial<Governance> = {}): { steps: string[]; operator: Operator } {
  const steps: string[] = [];
  const note = (step: string): void => void steps.push(step);
  const within = async <Result>(name: string, work: (tx: Tx) => Promise<Result>): Promise<Result> => {
    note(`${name}: begin`);
    const tx: Tx = {
      query: async () => [],
      pair: async () => [[], []],
      defer: () => {},
      onCommit: () => {},
    };
    try {
      const result = await work(tx);
      note(`${name}: commit`);
      return result;
    } catch (error) {
      note(`${name}: rollback`);
      throw error;
    }
  };
  const governance: Governance = {
    authorize: () => {
      note('authorize');
      return { ownOnly: false };
    },
    takeRate: () => {
      note('rate');
      return { policy: 'p', limit: 5, remaining: 4, resetAt: 0, windowMs: 1 };
    },
    transaction: (scope, work) => within(`tenant ${scope.orgId}`, work),
    systemTransaction: (work) => within('system', work),
    statements: (scope, work) => within(`read ${scope.orgId}`, work),
    audit: (_tx, _call, { action, target, detail }) =>
      note(`audit ${action} ${target?.type}:${target?.id} ${JSON.stringify(detail)}`),
    emit: (_tx, orgId, { type }) => note(`emit ${type} in ${orgId}`),
    auditRefusal: async (_call, { name }, { code }) => note(`refusal of ${name}: ${code}`),
    claimIdempotencyKey: async () => {
      note('claim');
      return null;
    },
    storeIdempotentOutput: (_tx, _call, _operation, output) => note(`store ${JSON.stringify(output)}`),
    observe: () => ({ trace: null, end: (refusal) => note(`observed ${refusal?.kind ?? 'ok'}`) }),
    ...overrides,
  };
  return { steps, operator: new Operator(governance) };
}

const key = { key: 'k', inputHash: Buffer.alloc(32) };
const orgId = 'org' as never;
const member = (more: Partial<Call> = {}): Call => aCall({ principal: aPrincipal({ orgId }), ...more });

/** An act on a thing, audited and announced. */
const act = (more: Partial<OperationDefinition<string, string>> = {}, steps: string[] = []) =>
  operation<string, string>({
    name: 'things.thing.make',
    summary: 'Make a thing.',
    scope: 'things:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'thing.made',
      target: (_input, output) => ({ type: 'thing', id: output }),
      detail: (input) => ({ from: input }),
    },
    async run(context, input) {
      steps.push('run');
      context.emit({ type: 'thing.made', subject: input, data: {} });
      return `${input}!`;
    },
    ...more,
  });

describe('an act', () => {
  test('goes through every step in one order, leaf and events in its transaction', async () => {
    const { steps, operator } = recording();
    const call = member();
    expect(await operator.run(act({}, steps), call, 'clay')).toBe('clay!');
    expect(steps).toEqual([
      'authorize',
      'rate',
      'tenant org: begin',
      'run',
      'emit thing.made in org',
      'audit thing.made thing:clay! {"from":"clay"}',
      'tenant org: commit',
      'observed ok',
    ]);
    expect(call.notes).toEqual({
      rate: expect.objectContaining({ remaining: 4 }),
      replayed: false,
      tokens: null,
      cache: null,
    });
  });

  test('does what waits behind the commit, without a transaction', async () => {
    const { steps, operator } = recording();
    const waiting = act(
      {
        async afterCommit(context, input, output) {
          steps.push(`after ${input} ${output}`);
          expect(() => context.tx.query({ name: 'x', text: 'x' }, [])).toThrow(/without a transaction/);
          return 'waited';
        },
      },
      steps,
    );
    expect(await operator.run(waiting, member(), 'clay')).toBe('waited');
    expect(steps.slice(-3)).toEqual(['tenant org: commit', 'after clay clay!', 'observed ok']);
  });

  test('that fails behind the commit was done, and says that it failed', async () => {
    const { steps, operator } = recording();
    const failing = act({ afterCommit: () => Promise.reject(new Error('gone')) }, steps);
    await expect(operator.run(failing, member(), 'clay')).rejects.toMatchObject({ kind: 'internal' });
    expect(steps).toContain('tenant org: commit');
    expect(steps).toContain('observed internal');
  });

  test('whose leaf nobody would write cannot be declared', () => {
    expect(() => act({ effect: 'read' })).toThrow(/things\.thing\.make is audited/);
    expect(() => act({ transaction: 'none' })).toThrow(/is audited/);
    expect(() => act({ effect: 'read', transaction: 'tenant' })).not.toThrow();
    expect(() => act({ effect: 'read', audit: null })).not.toThrow();
  });
});

describe('a refusal', () => {
  const denied = new AppError('denied', 'access.scope_missing', 'No.');

  test('before the act keeps it from running, and is audited', async () => {
    const { steps, operator } = recording({
      authorize() {
        throw denied;
      },
    });
    await expect(operator.run(act({}, steps), member(), 'clay')).rejects.toBe(denied);
    expect(steps).toEqual(['observed denied', 'refusal of things.thing.make: access.scope_missing']);
  });

  test('of the rate limit comes after the right to ask and before any transaction', async () => {
    const limited = new AppError('rate_limited', 'rate.limited', 'Slow down.');
    const { steps, operator } = recording({
      takeRate() {
        throw limited;
      },
    });
    await expect(operator.run(act({}, steps), member(), 'clay')).rejects.toBe(limited);
    expect(steps).toEqual(['authorize', 'observed rate_limited', 'refusal of things.thing.make: rate.limited']);
  });

  test('within the act rolls it back, with its leaf and its events, and is audited apart', async () => {
    const { steps, operator } = recording();
    const refusing = act({
      run(context) {
        context.emit({ type: 'thing.made', subject: 'x', data: {} });
        throw denied;
      },
    });
    await expect(operator.run(refusing, member(), 'clay')).rejects.toBe(denied);
    expect(steps.slice(2)).toEqual([
      'tenant org: begin',
      'emit thing.made in org',
      'tenant org: rollback',
      'observed denied',
      'refusal of things.thing.make: access.scope_missing',
    ]);
  });

  test('is what a bug becomes, with the bug as its cause', async () => {
    const bug = new TypeError('x is undefined');
    const { operator } = recording();
    const refused = operator.run(act({ run: () => Promise.reject(bug) }), member(), 'clay');
    await expect(refused).rejects.toMatchObject({ kind: 'internal', cause: bug });
  });

  test('is what a caller without an organization gets for anything in one', async () => {
    const { steps, operator } = recording();
    for (const effect of ['create', 'read'] as const) {
      const inOrganization = act({ effect, audit: null }, steps);
      await expect(operator.run(inOrganization, aCall({ principal: ANONYMOUS }), 'clay')).rejects.toMatchObject({
        kind: 'denied',
        code: 'organization.missing',
      });
    }
    expect(steps).not.toContain('run');
  });
});

describe('an idempotency key', () => {
  test('is taken before the act, and the answer kept in its transaction', async () => {
    const { steps, operator } = recording();
    const call = member({ idempotency: key });
    await operator.run(act({}, steps), call, 'clay');
    expect(steps.slice(2, -1)).toEqual([
      'tenant org: begin',
      'claim',
      'run',
      'emit thing.made in org',
      'audit thing.made thing:clay! {"from":"clay"}',
      'store "clay!"',
      'tenant org: commit',
    ]);
    expect(call.notes.replayed).toBe(false);
  });

  test('that has an answer gives it again: nothing runs, no leaf is written, the call says that it is a replay', async () => {
    const { steps, operator } = recording({ claimIdempotencyKey: async () => ({ output: 'from before' }) });
    const call = member({ idempotency: key });
    expect(await operator.run(act({}, steps), call, 'clay')).toBe('from before');
    expect(steps).toEqual(['authorize', 'rate', 'tenant org: begin', 'tenant org: commit', 'observed ok']);
    expect(call.notes.replayed).toBe(true);
  });

  test('does not spare a replay the right to ask', async () => {
    const denied = new AppError('denied', 'access.scope_missing', 'No.');
    const { operator } = recording({
      claimIdempotencyKey: async () => ({ output: 'from before' }),
      authorize() {
        throw denied;
      },
    });
    await expect(operator.run(act(), member({ idempotency: key }), 'clay')).rejects.toBe(denied);
  });

  test('lets a replay wait for the same end', async () => {
    const { operator } = recording({ claimIdempotencyKey: async () => ({ output: 'from before' }) });
    const waiting = act({ afterCommit: async (_context, _input, output) => `${output}, ended` });
    expect(await operator.run(waiting, member({ idempotency: key }), 'clay')).toBe('from before, ended');
  });

  test('of an act that failed keeps nothing', async () => {
    const { steps, operator } = recording();
    const failing = act({ run: () => Promise.reject(new AppError('conflict', 'a.b', 'No.')) });
    await expect(operator.run(failing, member({ idempotency: key }), 'clay')).rejects.toThrow();
    expect(steps.filter((step) => step.startsWith('store'))).toEqual([]);
  });

  test('means nothing before an organization is known: no caller gets the answer of another', async () => {
    const { steps, operator } = recording();
    const signIn = act({ transaction: 'system', scope: 'public', audit: 'own' });
    const call = aCall({ principal: ANONYMOUS, idempotency: key });
    const refused = operator.run(act({ ...signIn, run: async () => 'token' }), call, 'clay');
    expect(await refused).toBe('token');
    expect(steps).toEqual(['authorize', 'rate', 'system: begin', 'system: commit', 'observed ok']);
  });

  test('holds for acts over all organizations too, where the caller has one', async () => {
    const { steps, operator } = recording({
      claimIdempotencyKey: async () => ({ output: 'from before' }),
    });
    const everywhere = act({ transaction: 'system' }, steps);
    const call = member({ idempotency: key });
    expect(await operator.run(everywhere, call, 'clay')).toBe('from before');
    expect(call.notes.replayed).toBe(true);
    expect(steps).not.toContain('run');
  });
});

describe('where an operation runs', () => {
  test.each([
    [{ effect: 'create' }, 'tenant org: begin'],
    [{ effect: 'wind_down' }, 'tenant org: begin'],
    [{ effect: 'read', audit: null }, 'read org: begin'],
    [{ effect: 'read', transaction: 'tenant' }, 'tenant org: begin'],
    [{ effect: 'create', transaction: 'system' }, 'system: begin'],
  ] as const)('for %j is %s', async (definition, expected) => {
    const { steps, operator } = recording();
    await operator.run(act(definition, steps), member(), 'clay');
    expect(steps[2]).toBe(expected);
  });

  test('is nowhere for one that declares so, and its handle refuses every use', async () => {
    const { steps, operator } = recording();
    const apart = act({
      transaction: 'none',
      audit: null,
      async run({ tx }) {
        expect(() => tx.defer({ name: 'x', text: 'x' }, [])).toThrow(/without a transaction/);
        expect(() => tx.onCommit(() => {})).toThrow(/without a transaction/);
        return 'done';
      },
    });
    expect(await operator.run(apart, member(), 'clay')).toBe('done');
    expect(steps).toEqual(['authorize', 'rate', 'observed ok']);
  });
});
