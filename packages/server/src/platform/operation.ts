import { AppError, toAppError } from '../kernel/errors.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Tx, TxScope } from './db/index.ts';
import type { TraceContext } from './telemetry/trace-context.ts';

/** What billing posture has to say: `create` needs a paying organization, the other two never do. */
export type Effect = 'read' | 'create' | 'wind_down';

/** Through which door a call came. */
export type Via = 'http' | 'websocket' | 'grpc' | 'cli' | 'console' | 'job';

/** Everything about a call but its input. */
export type Call = {
  principal: Principal;
  requestId: string;
  traceId: string | null;
  /** The trace that this call continues; null when it starts none. */
  trace: TraceContext | null;
  via: Via;
  /** What the caller was known by; absent for one without a credential, and for jobs. */
  credential?: 'api_key' | 'access_token' | 'session';
  /** Address of the caller, as far as proxies that we trust report it. */
  address: string | null;
  /** Aborted when the caller has gone. */
  signal: AbortSignal;
  idempotency: { key: string; inputHash: Buffer } | null;
  /** The team that the call is about, where it is about one. */
  teamId?: string | null;
  /**
   * For the surface: what the rate limiter said and whether the answer is a replay, which the Operator fills in, and how a
   * limit on tokens stands and what a cache did, which calls of models do.
   */
  notes: { rate: RateState | null; replayed: boolean; tokens: RateState | null; cache: CacheNote | null };
};

/** Whether an answer was given before, and how long ago; `bypass` where nobody looked. */
export type CacheNote = { status: 'hit' | 'miss' | 'bypass'; ageSeconds: number | null };

/** A rate-limit window as the caller stands in it. `resetAt` is epoch milliseconds. */
export type RateState = { policy: string; limit: number; remaining: number; resetAt: number; windowMs: number };

export type Target = { type: string; id: string };
export type NewEvent = { type: string; subject: string; data: Record<string, unknown> };

/** What an operation's `run` works with. */
export type Context = {
  tx: Tx;
  by: Principal;
  call: Call;
  /** What spans below this act continue; null where nobody listens. */
  trace: TraceContext | null;
  /** The permission reaches only to rows that the caller made; true in operations that say `narrows`, and nowhere else. */
  ownOnly: boolean;
  /** Appends to the event stream of the caller's organization, in this transaction. */
  emit(event: NewEvent): void;
};

export type AuditRule<Input, Output> = {
  /** Past tense, dotted: `token.created`. */
  action: string;
  target?: (input: Input, output: Output) => Target;
  /** What to keep besides who, what and when; never content, never secrets, and of people no more than their ids. */
  detail?: (input: Input, output: Output) => Record<string, unknown>;
  /** Names and addresses of people: kept beside the leaf, so that they can be erased without breaking the log. */
  personal?: (input: Input, output: Output) => Record<string, unknown>;
};

export type OperationDefinition<Input, Output> = {
  /** `module.noun.verb`, unique. */
  name: string;
  /** One sentence for the reference and the permission screen. */
  summary: string;
  /**
   * The scope that the credential must hold; `public` needs no credential, `authenticated` any, `platform` one of an
   * administrator of the installation.
   */
  scope: string;
  /** Keeps to the caller's rows where the context says `ownOnly`: then the scope `:own` is enough. */
  narrows?: boolean;
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

/** What is audited of an act, besides what the call says. */
export type AuditedAct = {
  action: string;
  target: Target | null;
  detail: Record<string, unknown>;
  personal: Record<string, unknown>;
  /** An act on the installation itself: it belongs to no organization, whoever did it. */
  isOfInstallation?: boolean;
};

/** What the modules give the Operator; the platform itself knows no module. */
export type Governance = {
  /** Throws unless the principal may run the operation now: scope, role, posture. Says how far the permission reaches. */
  authorize(principal: Principal, operation: AnyOperation): { ownOnly: boolean };
  /** Takes one from the caller's allowance; at once, unless others share it and have to be asked. `null`: limits are off. */
  takeRate(call: Call, operation: AnyOperation): RateState | null | Promise<RateState | null>;
  transaction<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  statements<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  audit(tx: Tx, call: Call, leaf: AuditedAct): void;
  emit(tx: Tx, orgId: string, event: NewEvent): void;
  /** Records a refusal in a transaction of its own, at a bounded rate. */
  auditRefusal(call: Call, operation: AnyOperation, refusal: AppError): Promise<void>;
  /** Gives the stored answer of this key, or takes the key for this transaction. */
  claimIdempotencyKey(tx: Tx, call: Call, operation: AnyOperation): Promise<{ output: unknown } | null>;
  storeIdempotentOutput(tx: Tx, call: Call, operation: AnyOperation, output: unknown): void;
  /** `trace` is what spans below this act continue; null where nobody listens. */
  observe(operation: AnyOperation, call: Call): { trace: TraceContext | null; end(refusal: AppError | null): void };
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
      const { ownOnly } = this.#governance.authorize(call.principal, operation);
      const rate = this.#governance.takeRate(call, operation);
      call.notes.rate = rate instanceof Promise ? await rate : rate;
      const act: Act<Input, Output> = { operation, call, input, ownOnly, trace: observation.trace };
      const output = await this.#perform(act);
      const answer = operation.afterCommit
        ? await operation.afterCommit(this.#context(act, NO_TRANSACTION), input, output)
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

  async #perform<Input, Output>(act: Act<Input, Output>): Promise<Output> {
    const { operation, call, input } = act;
    const orgId = call.principal.orgId;
    switch (transactionOf(operation)) {
      case 'system':
        return this.#governance.systemTransaction((tx) => this.#once(act, tx));
      case 'none':
        return operation.run(this.#context(act, NO_TRANSACTION), input);
      case 'read':
        return this.#governance.statements(organizationScope(orgId), (tx) =>
          operation.run(this.#context(act, tx), input),
        );
      case 'tenant':
        return this.#governance.transaction(organizationScope(orgId), (tx) => this.#once(act, tx));
    }
  }

  /** Acts, or gives the answer that an earlier call with the same idempotency key got. */
  async #once<Input, Output>(act: Act<Input, Output>, tx: Tx): Promise<Output> {
    const { operation, call } = act;
    if (call.idempotency === null || call.principal.orgId === null || operation.effect === 'read')
      return this.#run(act, tx);
    const earlier = await this.#governance.claimIdempotencyKey(tx, call, operation);
    if (earlier !== null) {
      call.notes.replayed = true;
      return earlier.output as Output;
    }
    const output = await this.#run(act, tx);
    this.#governance.storeIdempotentOutput(tx, call, operation, output);
    return output;
  }

  async #run<Input, Output>(act: Act<Input, Output>, tx: Tx): Promise<Output> {
    const { operation, call, input } = act;
    const output = await operation.run(this.#context(act, tx), input);
    if (operation.audit !== null && operation.audit !== 'own') {
      const { action, target, detail, personal } = operation.audit;
      this.#governance.audit(tx, call, {
        action,
        target: target?.(input, output) ?? null,
        detail: detail?.(input, output) ?? {},
        personal: personal?.(input, output) ?? {},
        isOfInstallation: operation.scope === 'platform',
      });
    }
    return output;
  }

  #context<Input, Output>({ call, ownOnly, trace }: Act<Input, Output>, tx: Tx): Context {
    return {
      tx,
      by: call.principal,
      call,
      trace,
      ownOnly,
      emit: (event) => this.#governance.emit(tx, organizationScope(call.principal.orgId).orgId, event),
    };
  }
}

/** One call of an operation, admitted. */
type Act<Input, Output> = {
  operation: Operation<Input, Output>;
  call: Call;
  input: Input;
  ownOnly: boolean;
  trace: TraceContext | null;
};

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
const NO_TRANSACTION: Tx = { query: noTransaction, pair: noTransaction, defer: noTransaction, onCommit: noTransaction };
