import type { MemberRole } from '../../../kernel/principal.ts';

/** A program's account: it never signs in, and acts through API keys, which it bounds. */
export type ServiceAccount = {
  id: string;
  name: string;
  description: string;
  role: MemberRole;
  customRoleId: string | null;
  version: number;
  createdAt: Date;
  disabledAt: Date | null;
};
