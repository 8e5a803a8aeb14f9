import type { Tx } from '../../platform/db/index.ts';
import type { Context } from '../../platform/operation.ts';
import { coverage, scopesOfMember } from '../access/index.ts';
import { findMemberships } from '../tenancy/index.ts';
import { auditErrors } from './errors.ts';
import { INSTALLATION, type Reach } from './model.ts';

/** Which log: that of the organization of the request, or that of the installation itself. */
export type LogName = 'organization' | 'installation';

const READ = 'audit:read';

/** The one organization of the request; only the caller's own acts in it where the permission reaches no further. */
export const reachOfRequest = ({ by, ownOnly }: Context): Reach => ({
  kind: 'one',
  orgId: String(by.orgId),
  own: ownOnly ? { kind: by.kind, id: by.id } : null,
});

/**
 * Everything for an administrator of the installation; else the organizations in which the caller may read the log, which
 * may be none.
 */
export async function reachOfCaller({ by }: Context, systemRead: Read): Promise<Reach> {
  if (by.isPlatformAdmin) return { kind: 'all' };
  const own = { kind: by.kind, id: by.id };
  const held =
    by.kind === 'user'
      ? (await systemRead((tx) => findMemberships(tx, by.id))).map(({ organization, role, customScopes }) => ({
          orgId: String(organization.id),
          covered: coverage(scopesOfMember(role, customScopes), READ),
        }))
      : [{ orgId: String(by.orgId), covered: coverage(by.scopes, READ) }];
  const readable = held.filter(({ covered }) => covered !== 'none');
  const ownIn = readable.filter(({ covered }) => covered === 'own').map(({ orgId }) => orgId);
  const [only] = readable;
  if (only && readable.length === 1) return { kind: 'one', orgId: only.orgId, own: ownIn.length > 0 ? own : null };
  return { kind: 'several', orgIds: readable.map(({ orgId }) => orgId), ownIn, own };
}

type Read = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/**
 * The tree that a request is about.
 * @throws AppError `denied` for the installation's, unless the caller governs it; for a caller in no organization
 */
export function treeOfRequest({ by }: Context, log: LogName): string {
  if (log === 'organization' && by.orgId !== null) return by.orgId;
  if (log === 'installation' && by.isPlatformAdmin) return INSTALLATION;
  throw auditErrors.not_platform_admin(
    log === 'installation'
      ? "The installation's own log is for its administrators. Ask one of them."
      : 'This credential belongs to no organization, so it has no log. Ask an owner for an invitation.',
  );
}
