import type { MemberRole } from '../../../kernel/principal.ts';
import { MEMBER_ROLES } from '../../../kernel/principal.ts';

/*
 * identity provider  an OpenID Connect issuer that an organization trusts to say who its people are
 * domain             what comes after the @ of an e-mail address; a provider speaks for those that are proved
 * attempt            a sign-in that has been sent to its issuer and is expected back
 */

/** Roles that an issuer may give. Owners are made by owners alone. */
export type FederatedRole = Exclude<MemberRole, 'owner'>;

/** A domain that a provider is to speak for. It does so from the moment that it is verified. */
export type ProviderDomain = { domain: string; proof: string; verifiedAt: Date | null };

export type IdentityProvider = {
  orgId: string;
  id: string;
  name: string;
  issuer: string;
  clientId: string;
  hasSecret: boolean;
  scopes: readonly string[];
  roleClaim: string | null;
  /** Which value of the claim gives which role; the highest counts. */
  roleMapping: Readonly<Record<string, FederatedRole>>;
  /** Null: somebody whom nothing maps is refused. */
  defaultRole: FederatedRole | null;
  /** Whether somebody new becomes a member by signing in. */
  createsMembers: boolean;
  domains: readonly ProviderDomain[];
  createdAt: Date;
  updatedAt: Date;
  disabledAt: Date | null;
  version: number;
};

/** What an issuer says of somebody. */
export type Claims = {
  subject: string;
  email: string | null;
  isEmailVerified: boolean;
  name: string | null;
  all: Readonly<Record<string, unknown>>;
};

/** The TXT record that proves a domain. */
export const proofRecord = ({
  domain,
  proof,
}: Pick<ProviderDomain, 'domain' | 'proof'>): { name: string; value: string } => ({
  name: `_assay.${domain}`,
  value: `assay-domain=${proof}`,
});

/** What comes after the last @, lower case. */
export const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1).toLowerCase();

/** The role that the claims give: the highest that the mapping names, else the default. */
export function roleFrom(
  { roleClaim, roleMapping, defaultRole }: Pick<IdentityProvider, 'roleClaim' | 'roleMapping' | 'defaultRole'>,
  claims: Claims['all'],
): FederatedRole | null {
  const said = roleClaim === null || !Object.hasOwn(claims, roleClaim) ? [] : claims[roleClaim];
  const values = (Array.isArray(said) ? said : [said]).filter((value) => typeof value === 'string');
  const given = values.flatMap((value) => (Object.hasOwn(roleMapping, value) ? [roleMapping[value]] : []));
  return MEMBER_ROLES.filter(isFederated).findLast((role) => given.includes(role)) ?? defaultRole;
}

const isFederated = (role: MemberRole): role is FederatedRole => role !== 'owner';
