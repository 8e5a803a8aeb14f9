import type { Tx } from '../../platform/db/index.ts';
import type { Context } from '../../platform/operation.ts';
import type { Fleet } from '../runners/index.ts';
import type { BacklogView } from './backlog-view.ts';
import type { Endings } from './endings.ts';
import { evaluationErrors } from './errors.ts';
import { type Evaluation, isTerminal } from './model.ts';
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

export const asTarget = (id: string): { type: string; id: string } => ({ type: 'evaluation', id });

/** @throws AppError `not_found` when the organization has no such evaluation */
export async function requireEvaluation(tx: Tx, orgId: string, id: string): Promise<Evaluation> {
  const found = await findEvaluation(tx, orgId, id);
  if (!found) throw evaluationErrors.not_found('There is no evaluation with this id.');
  return found;
}

export type Wait = { orgId: string; id: string; waitMs: number; signal: AbortSignal };

/** The evaluation once it has ended, or as it stands when the wait is over or the caller has gone. */
export async function whenEnded(
  services: EvaluationServices,
  { orgId, id, waitMs, signal }: Wait,
): Promise<Evaluation> {
  const read = (): Promise<Evaluation> => services.statements(orgId, (tx) => requireEvaluation(tx, orgId, id));
  // Registered before the state is read: an end between the two is not missed.
  const ended = services.endings.wait(id, waitMs, signal);
  const now = await read();
  if (isTerminal(now.state)) return now;
  await ended;
  return read();
}
