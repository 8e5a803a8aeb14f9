import type { Tx } from '../../platform/db/index.ts';
import type { Context } from '../../platform/operation.ts';
import type { Fleet } from '../runners/index.ts';
import type { BacklogView } from './backlog-view.ts';
import type { Endings } from './endings.ts';
import { evaluationErrors } from './errors.ts';
import { type Evaluation, isOf, isTerminal, type Owner } from './model.ts';
import type { Probes } from './platform-status.ts';
import { findEvaluation } from './store.ts';

/** What the operations of this module work with, besides their transaction. */
export type EvaluationServices = {
  fleet: Fleet;
  endings: Endings;
  backlog: BacklogView;
  /** On the system handle: what needs the whole queue. */
  systemStatements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** On the caller's organization, outside the operation's transaction. */
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  readAsset(orgId: string, assetId: string): Promise<Buffer>;
  /** Signals, raised behind the commit. */
  queued(): void;
  cancelled(id: string): void;
  probes: Probes;
  /** How long an evaluation may wait for a slot, seconds. */
  queueSeconds: number;
};

/** The organization of the caller; operations run only for callers that have one. */
export const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);

/** Whose evaluations the caller reaches: everybody's (null), or those that it submitted itself. */
export const ownerOf = ({ by, ownOnly }: Pick<Context, 'by' | 'ownOnly'>): Owner | null =>
  ownOnly ? { kind: by.kind, id: by.id } : null;

export const asTarget = (id: string): { type: string; id: string } => ({ type: 'evaluation', id });

/** One evaluation of an organization, as far as the caller reaches. */
export type Reached = { orgId: string; id: string; owner: Owner | null };

/** @throws AppError `not_found` when the organization has no such evaluation, or the caller does not reach it */
export async function requireEvaluation(tx: Tx, { orgId, id, owner }: Reached): Promise<Evaluation> {
  const found = await findEvaluation(tx, orgId, id);
  if (!found || (owner !== null && !isOf(owner, found)))
    throw evaluationErrors.not_found('There is no evaluation with this id.');
  return found;
}

export type Wait = Reached & { waitMs: number; signal: AbortSignal };

/** The evaluation once it has ended, or as it stands when the wait is over or the caller has gone. */
export async function whenEnded(
  services: EvaluationServices,
  { waitMs, signal, ...reached }: Wait,
): Promise<Evaluation> {
  const read = (): Promise<Evaluation> => services.statements(reached.orgId, (tx) => requireEvaluation(tx, reached));
  // Registered before the state is read: an end between the two is not missed.
  const ended = services.endings.wait(reached.id, waitMs, signal);
  const now = await read();
  if (isTerminal(now.state)) return now;
  await ended;
  return read();
}
