import type { GrantSource, Principal } from '../../kernel/principal.ts';
import { SCOPES, type Scope } from './catalogue.ts';
import type { PersonStanding } from './reads.ts';

/** Something that gives the caller permissions, or bounds them. */
export type PermissionGrant = {
  kind: GrantSource['kind'] | 'team' | 'platform_grant';
  /** The name of the role, custom role, team or template. */
  name: string | null;
  organizationId: string | null;
  teamId: string | null;
  /** The role that it comes to, in the organization or the team. */
  role: string | null;
};

/** One scope that the caller holds, and why. */
export type HeldScope = { scope: string; sentence: string; ownOnly: boolean; reasons: readonly string[] };

export type Permissions = { grants: readonly PermissionGrant[]; scopes: readonly HeldScope[] };

/** Puts together what a principal may do, and what each part of it comes from. */
export function explainPermissions(by: Principal, standing: PersonStanding | null): Permissions {
  const grants = grantsOf(by, standing);
  const reasons = grants.filter(({ kind }) => kind !== 'team' && kind !== 'platform_grant').map(nameOf);
  const scopes = [...by.scopes]
    .filter((scope): scope is Scope => Object.hasOwn(SCOPES, scope))
    .sort()
    .map((scope) => ({ scope, sentence: SCOPES[scope], ownOnly: scope.endsWith(':own'), reasons }));
  return { grants, scopes };
}

const nameOf = ({ kind, name }: PermissionGrant): string => (name === null ? kind : `${kind}:${name}`);

function grantsOf(by: Principal, standing: PersonStanding | null): PermissionGrant[] {
  const here = { organizationId: by.orgId, teamId: null };
  const grants: PermissionGrant[] = [];
  if (by.kind === 'api_key') grants.push({ ...by.source, ...here, role: null });
  if (by.role !== null) {
    const customRole = standing?.customRole ?? null;
    const kind = customRole === null ? 'role' : 'custom_role';
    grants.push({ kind, name: customRole ?? by.role, ...here, role: by.role });
  }
  for (const { teamId, team, role } of standing?.teams ?? [])
    grants.push({ kind: 'team', name: team, organizationId: by.orgId, teamId, role });
  if (by.isPlatformAdmin)
    grants.push({ kind: 'platform_grant', name: null, organizationId: null, teamId: null, role: null });
  return grants;
}
