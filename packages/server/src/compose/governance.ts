import { AppError, type ErrorKind } from '../kernel/errors.ts';
import { assertAllowed } from '../modules/access/index.ts';
import { createRefusalLog, INSTALLATION, insertLeaf, type Leaf } from '../modules/audit/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import type { Database } from '../platform/db/index.ts';
import type { IdempotencyScope, IdempotencyStore } from '../platform/idempotency-store.ts';
import type { Log } from '../platform/log.ts';
import type { AnyOperation, AuditedAct, Call, Governance, RateState } from '../platform/operation.ts';
import type { RateLimiter, Taken } from '../platform/rate-limiter.ts';
import type { Metrics } from '../platform/telemetry/metrics.ts';
import type { Tracing } from '../platform/telemetry/tracing.ts';
import type { RateClaims } from './rate-policies.ts';

export type GovernanceParts = {
  database: Database;
  system: Database;
  idempotency: IdempotencyStore;
  limiter: RateLimiter | null;
  claimsOf: RateClaims;
  metrics: Metrics;
  tracing: Tracing;
  /** Events were committed. */
  told(): void;
  log: Log;
};

/** Refusals that say something about who tried what; the others are bad input, or our own trouble. */
const AUDITED: ReadonlySet<ErrorKind> = new Set(['denied', 'billing', 'rate_limited', 'over_budget']);
const REFUSALS_PER_SECOND = 5;

/** Joins the modules to the Operator. */
export function createGovernance(parts: GovernanceParts): Governance {
  const { database, system, idempotency, metrics, tracing, told, log } = parts;
  const refusals = createRefusalLog({
    transaction: (scope, work) => database.transaction(scope, work),
    perSecond: REFUSALS_PER_SECOND,
    onDropped: () => metrics.refusalsUnaudited.inc(),
    onFailure: (error) => log.warn({ err: error }, 'a refusal could not be audited'),
  });
  return {
    authorize: (principal, operation) => assertAllowed(principal, operation, new Date()),
    takeRate: (call, operation) => takeRate(parts, call, operation),
    transaction: (scope, work) => database.transaction(scope, work),
    systemTransaction: (work) => system.transaction({ orgId: null }, work),
    statements: (scope, work) => database.statements(scope, work),
    audit(tx, call, { isOfInstallation, ...act }) {
      insertLeaf(tx, leafOfAct(call, act, isOfInstallation ? { orgId: INSTALLATION } : {}));
      tx.onCommit(told);
    },
    emit(tx, orgId, event) {
      insertEvent(tx, orgId, event);
      tx.onCommit(told);
    },
    async auditRefusal(call, operation, refusal) {
      if (!isAudited(operation, refusal)) return;
      await refusals.record({
        ...leafOf(call),
        action: operation.audit === null || operation.audit === 'own' ? operation.name : operation.audit.action,
        target: null,
        detail: { operation: operation.name, reason: refusal.code },
        outcome: 'refused',
      });
    },
    claimIdempotencyKey: (tx, call, operation) => idempotency.claim(tx, scopeOf(call, operation)),
    storeIdempotentOutput: (tx, call, operation, output) => idempotency.store(tx, scopeOf(call, operation), output),
    observe: (operation, call) => observe({ metrics, tracing }, operation, call),
  };
}

/** Also a sign-in that failed: of an act that is open to all, only that says who tried. */
const isAudited = ({ scope, audit }: AnyOperation, { kind }: AppError): boolean =>
  AUDITED.has(kind) || (kind === 'unauthenticated' && scope === 'public' && audit !== null);

/** At once, unless this process has to ask for a new share of the limit. */
function takeRate(
  { limiter, claimsOf }: Pick<GovernanceParts, 'limiter' | 'claimsOf'>,
  call: Call,
  operation: AnyOperation,
): RateState | null | Promise<RateState> {
  if (operation.rate === 'included' || limiter === null) return call.notes.rate;
  const taken = limiter.take(claimsOf(operation.rate, call));
  return taken instanceof Promise ? taken.then((later) => admit(later, call)) : admit(taken, call);
}

/** @throws AppError `rate_limited` when nothing was left */
function admit({ allowed, state }: Taken, call: Call): RateState {
  if (allowed) return state;
  call.notes.rate = state;
  const waitMs = Math.max(0, state.resetAt - Date.now());
  throw new AppError(
    'rate_limited',
    'rate.limited',
    `Rate limit of ${state.limit} requests in ${windowOf(state)} exceeded. Try again in ${Math.ceil(waitMs / 1000)} s.`,
    { retryAfterMs: waitMs },
  );
}

const windowOf = ({ windowMs }: RateState): string =>
  windowMs === 60_000 ? 'a minute' : windowMs === 3_600_000 ? 'an hour' : `${windowMs / 1000} s`;

/** The parts of a leaf that a call knows. */
function leafOf(call: Call): Omit<Leaf, 'action' | 'target' | 'detail' | 'outcome'> {
  return {
    orgId: call.principal.orgId ?? INSTALLATION,
    actor: { kind: call.principal.kind, id: call.principal.id },
    credential: call.credential ?? 'none',
    via: call.via,
    requestId: call.requestId,
    traceId: call.traceId,
    personal: call.address === null ? {} : { address: call.address },
  };
}

/** The leaf of an act that was done; `elsewhere` where the call does not say whose it is. */
export function leafOfAct(call: Call, act: AuditedAct, elsewhere: Partial<Pick<Leaf, 'orgId' | 'actor'>> = {}): Leaf {
  const leaf = leafOf(call);
  return { ...leaf, ...act, ...elsewhere, personal: { ...leaf.personal, ...act.personal }, outcome: 'allowed' };
}

function scopeOf(call: Call, operation: AnyOperation): IdempotencyScope {
  const { key, inputHash } = call.idempotency ?? { key: '', inputHash: Buffer.alloc(0) };
  return {
    orgId: String(call.principal.orgId),
    principalId: call.principal.id,
    operation: operation.name,
    key,
    inputHash,
  };
}

function observe(
  { metrics, tracing }: Pick<GovernanceParts, 'metrics' | 'tracing'>,
  operation: AnyOperation,
  call: Call,
) {
  const started = process.hrtime.bigint();
  const span = tracing.span(operation.name, call.trace, {
    'assay.operation': operation.name,
    'assay.effect': operation.effect,
  });
  return {
    trace: span.trace,
    end(refusal: AppError | null) {
      if (refusal !== null && AUDITED.has(refusal.kind))
        metrics.refusals.inc({ operation: operation.name, reason: refusal.code });
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      metrics.operations.observe({ operation: operation.name, outcome: refusal?.kind ?? 'ok' }, seconds);
      span.end(refusal === null ? null : refusal.code);
    },
  };
}
