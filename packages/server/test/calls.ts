import { newId, type OrganizationId } from '../src/kernel/ids.ts';
import { ANONYMOUS, type Principal } from '../src/kernel/principal.ts';
import { ROLE_SCOPES } from '../src/modules/access/index.ts';
import type { Call } from '../src/platform/operation.ts';

/** A developer's API key in an organization that pays; say what matters otherwise. */
export function aPrincipal(overrides: Partial<Principal> = {}): Principal {
  const role = overrides.role ?? 'developer';
  return {
    ...ANONYMOUS,
    kind: 'api_key',
    id: newId(),
    orgId: newId() as OrganizationId,
    role,
    scopes: new Set(ROLE_SCOPES[role]),
    userId: newId(),
    ...overrides,
  };
}

/** A call by that principal over HTTP; say what matters otherwise. */
export function aCall(overrides: Partial<Call> = {}): Call {
  return {
    principal: aPrincipal(),
    requestId: newId(),
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    trace: null,
    via: 'http',
    address: '203.0.113.7',
    signal: new AbortController().signal,
    idempotency: null,
    notes: { rate: null, replayed: false, tokens: null, cache: null },
    ...overrides,
  };
}
