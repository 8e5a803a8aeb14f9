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

export type Membership = { organization: Organization; userId: UserId; role: MemberRole };
