import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../../../test/database.ts';
import { deleteOldAttempts } from './store.ts';
import { Throttle } from './throttle.ts';

const db = testDatabase();
const throttle = new Throttle((work) => db.system.statements({ orgId: null }, work));
const here = { address: '203.0.113.7', device: null };
const account = (): string => `${randomUUID()}@example.test`;
const held = { kind: 'rate_limited', code: 'login.throttled' };

/** Tries until it is held back; gives how many attempts were let through. */
async function attemptsOf(name: string, origin: { address: string | null; device: string | null }): Promise<number> {
  for (let count = 0; count < 200; count++) {
    const refusal = await throttle.signIn(name, origin).then(
      () => null,
      (error) => error,
    );
    if (refusal === null) continue;
    expect(refusal).toMatchObject(held);
    return count;
  }
  return 200;
}

/** As if all waits were over. */
const waitItOut = () => db.owner.query(`update attempt_throttles set blocked_until = now() - interval '1 second'`);

describe('guessing at an account', () => {
  test('is held back after ten attempts, also when they come at once', async () => {
    const name = account();
    const answers = await Promise.allSettled(Array.from({ length: 40 }, () => throttle.signIn(name, here)));
    expect(answers.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(11);
  });

  test('waits twice as long after each further attempt, up to a quarter of an hour', async () => {
    const name = account();
    await attemptsOf(name, { ...here, address: '198.51.100.1' });
    const waits: number[] = [];
    for (let round = 0; round < 14; round++) {
      const refusal = await throttle.signIn(name, { ...here, address: '198.51.100.1' }).catch((error) => error);
      waits.push(refusal.retryAfterMs);
      await waitItOut();
      await throttle.signIn(name, { ...here, address: '198.51.100.1' });
    }
    expect(waits[1]).toBeGreaterThan(1_000);
    expect(waits[4]).toBeGreaterThan(8_000);
    expect(waits.at(-1)).toBeGreaterThan(800_000);
    expect(waits.at(-1)).toBeLessThanOrEqual(900_000);
  });

  test('costs neither the same account elsewhere nor another account here', async () => {
    const name = account();
    await attemptsOf(name, { ...here, address: '198.51.100.2' });
    await expect(throttle.signIn(name, { ...here, address: '198.51.100.3' })).resolves.toBeDefined();
    await expect(throttle.signIn(account(), { ...here, address: '198.51.100.2' })).resolves.toBeDefined();
  });

  test('does not touch a device that has signed in before, behind the same address', async () => {
    const name = account();
    const address = '198.51.100.4';
    await attemptsOf(name, { address, device: null });
    for (let round = 0; round < 11; round++) await attemptsOf(account(), { address, device: null });
    await expect(throttle.signIn(account(), { address, device: null })).rejects.toMatchObject(held);
    await expect(throttle.signIn(name, { address, device: 'known' })).resolves.toBeDefined();
  });

  test('begins anew after a success', async () => {
    const name = account();
    const address = '198.51.100.5';
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 9; count++) await throttle.signIn(name, { address, device: null });
      await (await throttle.signIn(name, { address, device: null })).succeeded();
    }
    await expect(throttle.signIn(name, { address, device: null })).resolves.toBeDefined();
  });

  test('begins anew after a day without an attempt', async () => {
    const name = account();
    const address = '198.51.100.6';
    await attemptsOf(name, { address, device: null });
    await db.owner.query(`update attempt_throttles set updated_at = now() - interval '25 hours'`);
    expect(await attemptsOf(name, { address, device: null })).toBeGreaterThanOrEqual(10);
  });

  test('counts one network of IPv6 as one place, however its addresses are written', async () => {
    const name = account();
    await attemptsOf(name, { address: '2001:db8:0:7::1', device: null });
    for (const address of ['2001:db8::7:0:0:0:2', '2001:0DB8:0000:0007:ffff::', '2001:db8:0:7:1:2:3:4']) {
      await expect(throttle.signIn(name, { address, device: null })).rejects.toMatchObject(held);
    }
    await expect(throttle.signIn(name, { address: '2001:db8:0:8::1', device: null })).resolves.toBeDefined();
  });

  test('one address that tries many accounts is held back as a whole', async () => {
    const address = '198.51.100.9';
    let tried = 0;
    while (
      await throttle.signIn(account(), { address, device: null }).then(
        () => true,
        () => false,
      )
    )
      tried += 1;
    expect(tried).toBeLessThanOrEqual(101);
  });
});

test('what holds nobody back any more is deleted', async () => {
  const name = account();
  await throttle.signIn(name, { address: '198.51.100.10', device: null });
  await db.owner.query(`update attempt_throttles set updated_at = now() - interval '2 days', blocked_until = now()`);
  await db.system.statements({ orgId: null }, deleteOldAttempts);
  expect((await db.owner.query('select 1 from attempt_throttles')).rows).toEqual([]);
});
