import type { Principal } from '../kernel/principal.ts';
import { findActor } from '../modules/identity/index.ts';
import type { Task } from '../modules/workflows/index.ts';
import type { Call } from '../platform/operation.ts';
import type { Core } from './core.ts';

/** A call in the name of whoever made the run, as they are permitted at this moment; null when there is nobody any more. */
export async function callFor(
  { systemStatements }: Core,
  { orgId, maker, requestId, signal }: Task,
): Promise<Call | null> {
  const principal = await systemStatements((tx) => findActor(tx, orgId, maker));
  return principal && callOf(principal, requestId, signal);
}

/** A call that a worker makes in somebody's name. */
export const callOf = (principal: Principal, requestId: string, signal: AbortSignal): Call => ({
  principal,
  requestId,
  traceId: null,
  trace: null,
  via: 'job',
  address: null,
  signal,
  idempotency: null,
  notes: { rate: null, replayed: false, tokens: null, cache: null },
});
