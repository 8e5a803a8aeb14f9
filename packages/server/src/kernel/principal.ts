import type { OrganizationId } from './ids.ts';

/** The ladder of member roles, weakest first: a role includes what the ones before it may do. */
export const MEMBER_ROLES = ['viewer', 'developer', 'operator', 'admin', 'owner'] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** Billing state of an organization. `create` operations need `active`, or `trial` before it ends. */
export const POSTURES = ['active', 'trial', 'past_due', 'decommissioning'] as const;
export type Posture = (typeof POSTURES)[number];

/** Where a principal's scopes come from, for decisions that explain themselves. `name` is null where there is none. */
export type GrantSource = {
  kind: 'role' | 'custom_role' | 'key_template' | 'key_scopes' | 'none';
  name: string | null;
};

/** Who acts. Made by authentication, by a job runner (`system`), or for a caller without a credential. */
export type Principal = {
  kind: 'user' | 'api_key' | 'system' | 'anonymous';
  /** User id or API key id; `anonymous` and job names for the other two. */
  id: string;
  orgId: OrganizationId | null;
  /** Organization role of a user, or of the key's creator at the time of use. */
  role: MemberRole | null;
  /** What the credential allows: already cut to what role and creator allow. Empty means nothing. */
  scopes: ReadonlySet<string>;
  /** Those that the login was cut to, where it was given less than the person has. */
  limitedTo?: readonly string[];
  source: GrantSource;
  posture: Posture;
  trialEndsAt: Date | null;
  /** The person or service account behind the credential, where there is one. */
  userId: string | null;
  /** The login behind an access token or a session cookie; null for other credentials. */
  loginId: string | null;
  /** Whether the installation itself is theirs to govern: a grant of its own, never a role in an organization. */
  isPlatformAdmin: boolean;
};

/** A caller without a credential. */
export const ANONYMOUS: Principal = {
  kind: 'anonymous',
  id: 'anonymous',
  orgId: null,
  role: null,
  scopes: new Set(),
  source: { kind: 'none', name: null },
  posture: 'active',
  trialEndsAt: null,
  userId: null,
  loginId: null,
  isPlatformAdmin: false,
};
