import type { OrganizationId, UserId } from '../../kernel/ids.ts';
import type { MemberRole, Posture } from '../../kernel/principal.ts';

export type Organization = {
  id: OrganizationId;
  name: string;
  slug: string;
  posture: Posture;
  trialEndsAt: Date | null;
  createdAt: Date;
};

/** A person. `email` is lower case. */
export type User = {
  id: UserId;
  email: string;
  name: string;
  passwordHash: string | null;
  disabledAt: Date | null;
};

/** A person in an organization. `customScopes` are those of a custom role, held instead of the ladder role's. */
export type Membership = {
  organization: Organization;
  userId: UserId;
  role: MemberRole;
  customScopes: readonly string[] | null;
};
