import { describe, expect, test } from 'vitest';
import { signingIn } from '../../../../test/accounts.ts';
import { testDatabase } from '../../../../test/database.ts';
import { until } from '../../../../test/until.ts';
import { AccessTokens } from './access-tokens.ts';
import { SigningKeys } from './signing-keys.ts';

const db = testDatabase();
const claims = { userId: 'user', orgId: null, loginId: 'login' };
const transaction = <Result>(work: Parameters<typeof db.system.transaction<Result>>[1]) =>
  db.system.transaction({ orgId: null }, work);
const invalid = { kind: 'unauthenticated', code: 'credential.invalid' };

describe('a new signing key', () => {
  test('leaves tokens of the one before good, on a node that has not heard of it too', async () => {
    const [here, there] = [await signingIn(db), await signingIn(db)];
    const before = await here.tokens.sign(claims);
    await transaction((tx) => here.keys.rotate(tx, { distrust: false }));
    await here.keys.reload();
    const after = await here.tokens.sign(claims);
    // The other node has heard nothing, meets a key that it does not know, and looks.
    for (const token of [before, after]) expect(await there.tokens.verify(token)).toEqual(claims);
    // It signs with the old key until it hears, and that is good as well.
    expect(await here.tokens.verify(await there.tokens.sign(claims))).toEqual(claims);
    expect(here.keys.jwks().keys).toHaveLength(2);
  });

  test('ends tokens of the ones before where those are distrusted', async () => {
    const [here, there] = [await signingIn(db), await signingIn(db)];
    const before = await here.tokens.sign(claims);
    await transaction((tx) => here.keys.rotate(tx, { distrust: true }));
    await Promise.all([here.keys.reload(), there.keys.reload()]);
    for (const { tokens } of [here, there]) await expect(tokens.verify(before)).rejects.toMatchObject(invalid);
    expect(await there.tokens.verify(await here.tokens.sign(claims))).toEqual(claims);
    expect(here.keys.jwks().keys).toHaveLength(1);
  });

  test('made by two nodes at once is one', async () => {
    const [here, there] = [await signingIn(db), await signingIn(db)];
    await Promise.allSettled(
      [here, there].map(({ keys }) => transaction((tx) => keys.rotate(tx, { distrust: false }))),
    );
    const { rows } = await db.owner.query('select id from signing_keys where retired_at is null');
    expect(rows).toHaveLength(1);
    await here.keys.reload();
    expect(await there.tokens.verify(await here.tokens.sign(claims))).toEqual(claims);
  });

  test('comes by itself when the old one is old enough, and only then', async () => {
    const { keys } = await signingIn(db);
    expect(await transaction((tx) => keys.rotateIfOlder(tx, 90))).toBe(false);
    await db.owner.query(`update signing_keys set created_at = now() - interval '91 days' where retired_at is null`);
    expect(await transaction((tx) => keys.rotateIfOlder(tx, 90))).toBe(true);
    expect(await transaction((tx) => keys.rotateIfOlder(tx, 90))).toBe(false);
  });

  test('leaves no dead one behind: what verifies nothing is deleted after a day', async () => {
    const { keys } = await signingIn(db);
    await transaction((tx) => keys.rotate(tx, { distrust: false }));
    await db.owner.query(
      `update signing_keys set verifies_until = now() - interval '2 days' where retired_at is not null`,
    );
    await transaction((tx) => keys.rotateIfOlder(tx, 90));
    expect((await db.owner.query('select 1 from signing_keys')).rows).toHaveLength(1);
    await keys.reload();
    expect(keys.jwks().keys).toHaveLength(1);
    expect(JSON.stringify(keys.jwks())).not.toContain('"d"');
  });

  test('is heard of late only by who cannot hear: that one reads the keys again by itself', async () => {
    const { keys, tokens, masterKey } = await signingIn(db);
    const deaf = await SigningKeys.load({ masterKey, systemTransaction: transaction, hearsChanges: () => false });
    const token = await tokens.sign(claims);
    const there = new AccessTokens(deaf, null);
    expect(await there.verify(token)).toEqual(claims);
    await transaction((tx) => keys.rotate(tx, { distrust: true }));
    const isRefused = async () =>
      there.verify(token).then(
        () => false,
        () => true,
      );
    await until('the token is refused', isRefused);
  });

  test('is looked for once a second at most, whatever ids are made up', async () => {
    let looks = 0;
    const { masterKey } = await signingIn(db);
    const keys = await SigningKeys.load({
      masterKey,
      hearsChanges: () => true,
      systemTransaction: (work) => {
        looks += 1;
        return transaction(work);
      },
    });
    await Promise.all(Array.from({ length: 50 }, (_, index) => keys.verifier(`made-up-${index}`)));
    expect(looks).toBeLessThanOrEqual(2);
  });
});
