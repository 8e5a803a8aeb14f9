import { MEMBER_ROLES, type MemberRole } from '../../../kernel/principal.ts';
import type { Failure, Result } from '../engine/model.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';

/*
 * ask       what a human node waits for: the decision of one person
 * assignee  who may decide: a person, a team, or everybody from a role on
 */

export type Assignee = { user: string } | { team: string } | { role: MemberRole };

/** The configuration of a human node, as the definition has it. */
export type HumanConfig = {
  title: string;
  instructions: string;
  assignee?: Assignee;
  other_than_maker: boolean;
  form?: JsonObject;
  deadline_ms?: number;
  on_deadline: 'fail' | { output: JsonObject[string] };
  on_reject: 'fail' | 'output';
};

/** What a human node leaves while it waits. */
export type Ask = {
  assignee: Assignee | null;
  /** Who may not decide, because the run is theirs; null where that does not matter. */
  notBy: string | null;
  askedAt: string;
  deadlineAt: string | null;
  /** What there is to look at. */
  input: JsonObject;
};

/** Somebody who would decide. */
export type Decider = { userId: string | null; role: MemberRole | null; teams: readonly string[] };

export type Decision = {
  decision: 'approve' | 'reject';
  values: JsonObject;
  comment: string;
  by: string;
  at: Date;
};

export const humanConfig = ({ config }: NodeDefinition): HumanConfig => config as HumanConfig;

/** The roles that somebody's own includes. */
export const rolesWithin = (role: MemberRole | null): readonly MemberRole[] =>
  role === null ? [] : MEMBER_ROLES.slice(0, MEMBER_ROLES.indexOf(role) + 1);

/** Whether a decision is somebody's to make. Where nobody is named, it is anybody's who reaches the run. */
export function isAsked(
  { assignee, notBy }: Pick<Ask, 'assignee' | 'notBy'>,
  { userId, role, teams }: Decider,
): boolean {
  if (notBy !== null && notBy === userId) return false;
  if (assignee === null) return true;
  if ('user' in assignee) return assignee.user === userId;
  if ('team' in assignee) return teams.includes(assignee.team);
  return rolesWithin(role).includes(assignee.role);
}

/** What a decision means for its node. */
export function resultOf(config: HumanConfig, { decision, values, comment, by, at }: Decision): Result {
  if (decision === 'reject' && config.on_reject === 'fail') return failed(REJECTED);
  return { kind: 'completed', output: { decision, values, comment, by, at: at.toISOString() }, passesOver: [] };
}

/** What it means for its node that nobody decided in time. */
export function resultOfDeadline({ on_deadline }: HumanConfig): Result {
  if (on_deadline === 'fail') return failed(NOT_DECIDED);
  return { kind: 'completed', output: on_deadline.output, passesOver: [] };
}

/** Asking again would change nothing: that is for whoever retries the run. */
const failed = (failure: Failure): Result => ({ kind: 'failed', failure, isFinal: true });
const REJECTED = { code: 'workflow_node.rejected', message: 'It was rejected.' };
const NOT_DECIDED = { code: 'workflow_node.not_decided', message: 'Nobody decided before the deadline.' };
