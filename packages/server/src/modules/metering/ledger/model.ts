import { createHash } from 'node:crypto';
import type { Micros } from '../../../kernel/money.ts';
import type { Leaf } from '../../audit/index.ts';
import type { Budget, CountedScope } from '../budgets/model.ts';
import type { Quantities } from '../prices/model.ts';

/*
 * reservation   money set aside for one call, on every budget that applies to it, before the call is made
 * claims        to whom and for what the call is billed
 * settle        turn the reservation into what the call really cost, and write its usage record
 * release       give the reservation back: nothing was delivered
 * lease         until when the process that holds a reservation may deliver, on the database's clock; it renews it
 * progress      what has been delivered of a call under way
 * held          the counters that a reservation is part of
 */

/** What serves a call, and on which terms. */
export type ServedBy = { provider: string; model: string; priceVersion: string };

/** Whom a call is billed to, and what it is. */
export type Claims = ServedBy & {
  orgId: string;
  teamId: string | null;
  projectId: string | null;
  principal: { kind: string; id: string };
  apiKeyId: string | null;
  agentId: string | null;
  /** The unit of work that it is part of: a job, a workflow run, an agent session. */
  work: { type: string; id: string } | null;
  /** Runs that have budgets of their own: the one that it is part of, and those above it. */
  runs?: readonly string[];
  /** Who is asked next, in this order, where the first does not answer. */
  others?: readonly ServedBy[];
  isBatch: boolean;
  tags: Readonly<Record<string, string>>;
  requestId: string | null;
};

export const OUTCOMES = ['completed', 'cancelled', 'failed', 'lost'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** An event of the organization, as the feed takes it. */
export type LedgerEvent = { type: string; subject: string; data: Record<string, unknown> };

/** What is written in the same transaction when the call succeeds. */
export type Attached = { leaves?: readonly Leaf[]; events?: readonly LedgerEvent[] };

type Named = { orgId: string; id: string };
export type ReserveCall = Named & {
  kind: 'reserve';
  claims: Claims;
  /** Null: the model has no price, which only matters where a budget applies. */
  amount: Micros | null;
  /** What is asked for in the end, should this be refused, is no less than that. */
  least: Micros;
  nodeId: string;
  /** The id stands for a billable fact, which may be under way or billed already. */
  isFact: boolean;
  attached: Attached;
};
/** Cost and quantities that a provider reported, and what served the call where that is not what was asked for. */
export type Delivered = {
  cost: Micros;
  quantities: Quantities;
  outcome: Outcome;
  /** Whether the quantities are an estimate; they are as counted unless said otherwise. */
  isEstimated?: boolean;
  served?: ServedBy;
};
/** What whoever made a reservation still knows of it. */
export type Remembered = Pick<Reservation, 'claims' | 'amount' | 'held' | 'reservedAt'>;
/** `remembered` spares the database from telling it again. */
type End = Named & { remembered?: Remembered; attached: Attached };
export type SettleCall = End & Delivered & { kind: 'settle'; isEstimated: boolean };
export type ReleaseCall = End & { kind: 'release' };
export type RenewCall = Named & { kind: 'renew'; cost: Micros; quantities: Quantities; served?: ServedBy };
export type LedgerCall = ReserveCall | SettleCall | ReleaseCall | RenewCall;

/** A counter under lock. */
export type Counter = Pick<Budget, 'orgId' | 'name' | 'period' | 'limit' | 'thresholds'> & {
  budgetId: string;
  scope: CountedScope;
  periodStart: Date;
  /** Of the period that runs now; false for one that a late settlement still belongs to. */
  isCurrent: boolean;
  spent: Micros;
  reserved: Micros;
  toldPercent: number;
  toldExceeded: boolean;
};

export type HeldCounter = readonly [budgetId: string, periodStart: string];

/** A reservation under lock. */
export type Reservation = Named & {
  claims: Claims;
  amount: Micros;
  progress: Micros;
  progressQuantities: Quantities;
  held: readonly HeldCounter[];
  reservedAt: Date;
};

/** What is left of the budget that has least left. */
export type Admitted = {
  outcome: 'held';
  reservedAt: Date;
  amount: Micros;
  held: readonly HeldCounter[];
  budgetLeft: Micros | null;
};
/** `isFinal` false: a smaller amount, yet not below the least, may fit. */
export type Refused = { outcome: 'refused'; refusal: Error; isFinal: boolean };
export type Settled = { outcome: 'settled'; cost: Micros; overrun: Micros };
/** It was settled or released before; what was billed then, null for nothing. */
export type Already = { outcome: 'already'; cost: Micros | null };
export type LedgerAnswer =
  | Admitted
  | Refused
  | Settled
  | Already
  | { outcome: 'released' }
  | { outcome: 'renewed' }
  | { outcome: 'lost' };

/** A row to be written to usage_records. */
export type UsageRecord = Omit<Claims, 'orgId' | 'others' | 'runs'> &
  Named & {
    at: Date;
    outcome: Outcome;
    isEstimated: boolean;
    cost: Micros;
    overrun: Micros;
    quantities: Quantities;
  };

export const keyOf = ({ orgId, id }: Named): string => `${orgId}/${id}`;
export const counterKey = (orgId: string, [budgetId, periodStart]: HeldCounter): string =>
  `${orgId}/${budgetId}/${periodStart}`;

/** Who of those that a call may be served by was asked, where it is not who was claimed. */
export function servedBy({ others = [] }: Claims, asked: number): { served?: ServedBy } {
  const served = asked === 0 ? undefined : others[asked - 1];
  return served === undefined ? {} : { served };
}

/** The scopes whose budgets apply to a call. */
export function scopesOf(claims: Claims): CountedScope[] {
  const { orgId, teamId, projectId, apiKeyId, agentId, runs = [] } = claims;
  return (
    [
      { kind: 'organization', id: orgId },
      { kind: 'team', id: teamId },
      { kind: 'project', id: projectId },
      { kind: 'key', id: apiKeyId },
      { kind: 'agent', id: agentId },
      ...runs.map((id) => ({ kind: 'run', id }) as const),
    ] as const
  ).filter((scope): scope is CountedScope => scope.id !== null);
}

/**
 * The id of a billable fact, the same each time that the fact is told of: a UUID of version 8 (RFC 9562) from a digest. Say
 * in the fact what makes it one: `job:<id>:attempt:2`.
 */
export function idOfFact(orgId: string, fact: string): string {
  const digest = createHash('sha256').update(`${orgId}\n${fact}`).digest();
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x80, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = digest.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
