import { allRoutes } from '@assay/contract';
import { describe, expect, test } from 'vitest';
import { SCOPES } from '../packages/server/src/modules/access/index.ts';
import { declaredOperations } from '../scripts/render-permissions.ts';

const operations = declaredOperations();

describe('operations', () => {
  test('have unique names of the form module.noun.verb', () => {
    const names = operations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+\.[a-z_]+\.[a-z_]+$/);
  });

  test('name scopes that the catalogue has', () => {
    const known = new Set<string>([...Object.keys(SCOPES), 'public', 'authenticated', 'platform']);
    expect(operations.filter(({ scope }) => !known.has(scope)).map(({ name }) => name)).toEqual([]);
  });

  test('that change something are audited', () => {
    const silent = operations.filter(({ effect, audit }) => effect !== 'read' && audit === null);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('without a credential only read, sign in or out, or bring a token or a signature', () => {
    const open = operations.filter(({ scope }) => scope === 'public').map(({ name }) => name);
    expect(open.sort()).toEqual([
      'evaluations.platform.get',
      'identity.account.confirm',
      'identity.account.sign_up',
      'identity.device.poll',
      'identity.device.start',
      'identity.email.confirm',
      'identity.login.challenge_passkey',
      'identity.login.complete',
      'identity.login.complete_sso',
      'identity.login.create',
      'identity.login.end',
      'identity.login.refresh',
      'identity.login.revoke',
      'identity.login.start_sso',
      'identity.login.with_passkey',
      'identity.password.forgot',
      'identity.password.reset',
      'identity.session.open',
      'tenancy.billing.receive',
      'tenancy.invitation.accept',
      'tenancy.invitation.decline',
      'tenancy.invitation.view',
    ]);
  });

  test('say what they do in a sentence', () => {
    for (const { summary } of operations) expect(summary).toMatch(/^[A-Z].*\.$/);
  });
});

describe('routes', () => {
  const known = new Set(operations.map(({ name }) => name));

  test('run an operation that exists, or are health and documents', () => {
    const lost = allRoutes.filter(({ operation, surface }) =>
      operation === null ? !['ops', 'oauth'].includes(surface) : !known.has(operation),
    );
    expect(lost.map(({ path }) => path)).toEqual([]);
  });

  test('read with GET, and only with GET', () => {
    for (const { method, path, operation } of allRoutes) {
      const effect = operations.find(({ name }) => name === operation)?.effect ?? 'read';
      const signsIn = /^identity\.(?:login|device)\./.test(operation ?? '');
      // Questions about permissions, tokens, costs and definitions have a body, and change nothing.
      const asks =
        /^access\.decision\.|^providers\.(?:chat\.estimate|tokens\.count)$|^workflows\.definition\.validate$/.test(
          operation ?? '',
        );
      // Issuers send people back with GET (RFC 6749, section 4.1.2).
      const comesBack = operation === 'vault.credential.complete_oauth';
      if (!signsIn && !asks && !comesBack) expect([path, method === 'GET']).toEqual([path, effect === 'read']);
    }
  });

  test('are public exactly when their operation is', () => {
    for (const { path, operation, isPublic } of allRoutes) {
      const scope = operations.find(({ name }) => name === operation)?.scope ?? 'public';
      expect([path, isPublic === true]).toEqual([path, scope === 'public']);
    }
  });
});
