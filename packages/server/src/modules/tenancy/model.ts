import type { OrganizationId, UserId } from '../../kernel/ids.ts';
import { MEMBER_ROLES, type MemberRole, type Posture } from '../../kernel/principal.ts';

/*
 * Words. A person (or user) signs in; a service account does not, and acts through API keys. A member is a person or
 * service account in an organization; a membership is how they stand in it. An owner is a member with the role `owner`.
 */

export type Organization = {
  id: OrganizationId;
  name: string;
  slug: string;
  posture: Posture;
  trialEndsAt: Date | null;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
  /** Until when a deleted one can be restored. */
  eraseAfter: Date | null;
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

/** A change to some of these fields; what is left out stays as it is. */
export type Wanted<Fields> = { [Name in keyof Fields]?: Fields[Name] | undefined };

/** How high a role stands; a higher one includes the lower ones. */
export const rankOf = (role: MemberRole): number => MEMBER_ROLES.indexOf(role);

/** Whether new work may begin in an organization. */
export const isPaying = ({ posture, trialEndsAt }: Pick<Organization, 'posture' | 'trialEndsAt'>, now: Date): boolean =>
  posture === 'active' || (posture === 'trial' && (trialEndsAt === null || trialEndsAt > now));
