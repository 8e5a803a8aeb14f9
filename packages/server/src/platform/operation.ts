import { AppError, toAppError } from '../kernel/errors.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Tx, TxScope } from './db/index.ts';
import type { TraceContext } from './telemetry/trace-context.ts';

/** What billing posture has to say: `create` needs a paying organization, the other two never do. */
export type Effect = 'read' | 'create' | 'wind_down';

/** Through which door a call came. */
export type Via = 'http' | 'websocket' | 'job';

/** Everything about a call but its input. */
export type Call = {
  principal: Principal;
  requestId: string;
  traceId: string | null;
  /** The trace that this call continues; null when it starts none. */
  trace: TraceContext | null;
  via: Via;
  /** Address of the caller, as far as proxies that we trust report it. */
  address: string | null;
  /** Aborted when the caller has gone. */
  signal: AbortSignal;
  idempotency: { key: string; inputHash: Buffer } | null;
  /** Filled by the Operator, for the surface: what the rate limiter said, and whether the answer is a replay. */
  notes: { rate: RateState | null; replayed: boolean };
};

/** A rate-limit window as the caller stands in it. `resetAt` is epoch milliseconds. */
export type RateState = { policy: string; limit: number; remaining: number; resetAt: number; windowMs: number };

export type Target = { type: string; id: string };
export type NewEvent = { type: string; subject: string; data: Record<string, unknown> };

/** What an operation's `run` works with. */
export type Context = {
  tx: Tx;
  by: Principal;
  call: Call;
  /** Appends to the event stream of the caller's organization, in this transaction. */
  emit(event: NewEvent): void;
};

export type AuditRule<Input, Output> = {
  /** Past tense, dotted: `token.created`. */
  action: string;
  target?: (input: Input, output: Output) => Target;
  /** What to keep besides who, what and when; never content, never secrets. */
  detail?: (input: Input, output: Output) => Record<string, unknown>;
};

export type OperationDefinition<Input, Output> = {
  /** `module.noun.verb`, unique. */
  name: string;
  /** One sentence for the reference and the permission screen. */
  summary: string;
  /** The scope that the credential must hold; `public` needs no credential, `authenticated` any. */
  scope: string;
  effect: Effect;
  /** Name of the rate limit that the call counts against; `included` when it is a step of one that was counted. */
  rate: string;
  /**
   * How the act is audited. `null` says that this read leaves no leaf, `own` that the operation writes it itself, for
   * want of an organization to write it in before it has run.
   */
  audit: AuditRule<Input, Output> | 'own' | null;
  /**
   * `tenant`: one transaction in the caller's organization (default). `read`: statements one by one in it (default for reads).
   * `system`: one transaction over all organizations, for what comes before an organization is known.
   * `none`: waits on something else than the database, and opens what it needs itself.
   */
  transaction?: 'tenant' | 'read' | 'system' | 'none';
  run(context: Context, input: Input): Promise<Output>;
  /** Runs behind the commit and holds no transaction: for an answer that waits for what the act set going. */
  afterCommit?(context: Context, input: Input, output: Output): Promise<Output>;
};

/** A use case: the unit that is authorized, limited, audited, counted and listed. */
export type Operation<Input, Output> = OperationDefinition<Input, Output>;
// biome-ignore lint/suspicious/noExplicitAny: a list of operations of different inputs has no narrower type.
export type AnyOperation = Operation<any, any>;

/**
 * Declares a use case. What is governed about it is mandatory, and does not compile when left out.
 * @throws Error when its leaf would never be written, for want of a transaction to write it in
 */
export function operation<Input, Output>(definition: OperationDefinition<Input, Output>): Operation<Input, Output> {
  const transaction = transactionOf(definition);
  if (definition.audit !== null && definition.audit !== 'own' && (transaction === 'read' || transaction === 'none')) {
    throw new Error(`${definition.name} is audited, so it needs the transaction 'tenant' or 'system'.`);
  }
  return definition;
}

const transactionOf = ({ transaction, effect }: Pick<AnyOperation, 'transaction' | 'effect'>) =>
  transaction ?? (effect === 'read' ? 'read' : 'tenant');

/** What the modules give the Operator; the platform itself knows no module. */
export type Governance = {
  /** Throws unless the principal may run the operation now: scope, role, posture. */
  authorize(principal: Principal, operation: AnyOperation): void;
  /** Takes one from the caller's allowance. `null`: limits are off. */
  takeRate(call: Call, operation: AnyOperation): RateState | null;
  transaction<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  statements<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  audit(tx: Tx, call: Call, leaf: { action: string; target: Target | null; detail: Record<string, unknown> }): void;
  emit(tx: Tx, orgId: string, event: NewEvent): void;
  /** Records a refusal in a transaction of its own, at a bounded rate. */
  auditRefusal(call: Call, operation: AnyOperation, refusal: AppError): Promise<void>;
  /** Gives the stored answer of this key, or takes the key for this transaction. */
  claimIdempotencyKey(tx: Tx, call: Call, operation: AnyOperation): Promise<{ output: unknown } | null>;
  storeIdempotentOutput(tx: Tx, call: Call, operation: AnyOperation, output: unknown): void;
  observe(operation: AnyOperation, call: Call): { end(refusal: AppError | null): void };
};

/** Runs every operation the same way, whoever calls. */
export class Operator {
  readonly #governance: Governance;

  constructor(governance: Governance) {
    this.#governance = governance;
  }

  /**
   * authorize → rate limit → (idempotency) → run, audit leaf and events in one transaction. Idempotency keys belong to
   * an organization: before one is known, and for reads, they have nothing to do.
   * @throws AppError for every refusal; refusals of a known principal are audited
   */
  async run<Input, Output>(operation: Operation<Input, Output>, call: Call, input: Input): Promise<Output> {
    const observation = this.#governance.observe(operation, call);
    try {
      this.#governance.authorize(call.principal, operation);
      call.notes.rate = this.#governance.takeRate(call, operation);
      const output = await this.#perform(operation, call, input);
      const answer = operation.afterCommit
        ? await operation.afterCommit(this.#context(call, NO_TRANSACTION), input, output)
        : output;
      observation.end(null);
      return answer;
    } catch (thrown) {
      const refusal = toAppError(thrown);
      observation.end(refusal);
      await this.#governance.auditRefusal(call, operation, refusal);
      throw refusal;
    }
  }

  async #perform<Input, Output>(operation: Operation<Input, Output>, call: Call, input: Input): Promise<Output> {
    const orgId = call.principal.orgId;
    switch (transactionOf(operation)) {
      case 'system':
        return this.#governance.systemTransaction((tx) => this.#act(operation, call, input, tx));
      case 'none':
        return operation.run(this.#context(call, NO_TRANSACTION), input);
      case 'read':
        return this.#governance.statements(organizationScope(orgId), (tx) =>
          operation.run(this.#context(call, tx), input),
        );
      case 'tenant':
        return this.#governance.transaction(organizationScope(orgId), (tx) => this.#once(operation, call, input, tx));
    }
  }

  /** Acts, or gives the answer that an earlier call with the same idempotency key got. */
  async #once<Input, Output>(operation: Operation<Input, Output>, call: Call, input: Input, tx: Tx): Promise<Output> {
    if (call.idempotency === null) return this.#act(operation, call, input, tx);
    const earlier = await this.#governance.claimIdempotencyKey(tx, call, operation);
    if (earlier !== null) {
      call.notes.replayed = true;
      return earlier.output as Output;
    }
    const output = await this.#act(operation, call, input, tx);
    this.#governance.storeIdempotentOutput(tx, call, operation, output);
    return output;
  }

  async #act<Input, Output>(operation: Operation<Input, Output>, call: Call, input: Input, tx: Tx): Promise<Output> {
    const output = await operation.run(this.#context(call, tx), input);
    if (operation.audit !== null && operation.audit !== 'own') {
      const { action, target, detail } = operation.audit;
      this.#governance.audit(tx, call, {
        action,
        target: target?.(input, output) ?? null,
        detail: detail?.(input, output) ?? {},
      });
    }
    return output;
  }

  #context(call: Call, tx: Tx): Context {
    return {
      tx,
      by: call.principal,
      call,
      emit: (event) => this.#governance.emit(tx, organizationScope(call.principal.orgId).orgId, event),
    };
  }
}

function organizationScope(orgId: string | null): { orgId: string } {
  if (orgId === null) {
    throw new AppError(
      'denied',
      'organization.missing',
      'This credential belongs to no organization. Ask an owner for an invitation.',
    );
  }
  return { orgId };
}

const noTransaction = (): never => {
  throw new Error('This operation declared that it runs without a transaction.');
};
const NO_TRANSACTION: Tx = { query: noTransaction, defer: noTransaction, onCommit: noTransaction };
