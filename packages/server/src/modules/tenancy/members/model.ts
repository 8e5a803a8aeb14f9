import type { UserId } from '../../../kernel/ids.ts';
import type { MemberRole } from '../../../kernel/principal.ts';

/** Somebody in an organization, as its members see them. */
export type Member = {
  userId: UserId;
  kind: 'person' | 'service';
  /** Of people only. */
  email: string | null;
  name: string;
  role: MemberRole;
  customRole: { id: string; name: string; scopes: readonly string[] } | null;
  version: number;
  createdAt: Date;
  disabledAt: Date | null;
};

/** A line of the list of memberships: somebody who is in, or was asked in. */
export type MembershipLine = {
  status: 'active' | 'pending';
  /** Null while the invitation is pending. */
  userId: string | null;
  kind: 'person' | 'service';
  email: string | null;
  name: string | null;
  role: MemberRole;
  customRoleId: string | null;
  invitationId: string | null;
  createdAt: Date;
};
