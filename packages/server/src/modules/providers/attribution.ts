import type { Context } from '../../platform/operation.ts';
import type { Claims } from '../metering/index.ts';
import { attributionErrors } from './errors.ts';
import type { PolicyBook } from './policies/policy-book.ts';

/** To whom and for what a caller says that a call is billed. Projects and agents are named as the caller likes. */
export type Attribution = Pick<Claims, 'teamId' | 'projectId' | 'agentId' | 'tags'> & {
  /** The unit of work that it is part of, where there is one. */
  work?: Claims['work'];
  /** Runs whose budgets hold it. */
  runs?: readonly string[];
};

/** Who a call is billed to, before anybody knows what serves it. */
export type Billed = Omit<Claims, 'provider' | 'model' | 'priceVersion' | 'isBatch'>;

/**
 * To whom and for what a call is billed: what it says of itself, as far as the caller may say it.
 * @throws AppError `invalid` for a team that is not there, `denied` for one that the caller is not in
 */
export async function billedTo(
  { by, call }: Pick<Context, 'by' | 'call'>,
  said: Attribution,
  policies: Pick<PolicyBook, 'teamOfKey' | 'standingOf'>,
): Promise<Billed> {
  return {
    ...said,
    orgId: String(by.orgId),
    teamId: await teamOf(by, said.teamId, policies),
    principal: { kind: by.kind, id: by.id },
    apiKeyId: by.kind === 'api_key' ? by.id : null,
    work: said.work ?? null,
    requestId: call.requestId,
  };
}

async function teamOf(
  by: Context['by'],
  said: string | null,
  policies: Pick<PolicyBook, 'teamOfKey' | 'standingOf'>,
): Promise<string | null> {
  const orgId = String(by.orgId);
  const bound = by.kind === 'api_key' ? await policies.teamOfKey(orgId, by.id) : null;
  if (bound !== null) {
    if (said === null || said === bound) return bound;
    throw attributionErrors.team_bound(`Calls of this key belong to team ${bound}. Leave X-Assay-Team out.`);
  }
  if (said === null) return null;
  const standing = await policies.standingOf({ orgId, teamId: said, userId: by.userId });
  if (standing === null) {
    const message = `Your organization has no team with the id ${said}.`;
    throw attributionErrors.team_unknown(message, {
      faults: [{ field: 'X-Assay-Team', constraint: 'known', message }],
    });
  }
  if (standing === 'stranger' && !by.scopes.has('teams:write')) {
    throw attributionErrors.team_not_yours(
      'You are not in this team, so your calls cannot be counted as its own. Ask one of its maintainers to put you in.',
    );
  }
  return said;
}
