import { createHash, randomBytes } from 'node:crypto';
import type { MemberRole } from '../../../kernel/principal.ts';

export type InvitationState = 'pending' | 'accepted' | 'declined' | 'revoked' | 'expired';

/** Somebody is asked into an organization, by e-mail address. */
export type Invitation = {
  id: string;
  orgId: string;
  email: string;
  role: MemberRole;
  customRoleId: string | null;
  /** `expired` also of one whose time is over and that nobody has looked at since. */
  state: InvitationState;
  invitedBy: { kind: string; id: string };
  createdAt: Date;
  expiresAt: Date;
  settledAt: Date | null;
};

/** Long enough for somebody on holiday to miss it rarely, short enough that a forgotten mail lets nobody in. */
export const INVITATION_DAYS = 7;

/** A new token: `it_` and 43 characters, 256 random bits. */
export const newInvitationToken = (): string => `it_${randomBytes(32).toString('base64url')}`;

export const hashInvitationToken = (token: string): Buffer => createHash('sha256').update(token).digest();
