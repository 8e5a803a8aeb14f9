import type { UserId } from '../../../kernel/ids.ts';

/** How somebody proved who they are. */
export type LoginMethod = 'password' | 'sso' | 'passkey' | 'device' | 'invitation';

/** One sign-in of a person, until it ends. Its access tokens, refresh tokens and browser session end with it. */
export type Login = {
  id: string;
  userId: UserId;
  /** The organization that its access tokens stand for; null for a person who belonged to none. */
  orgId: string | null;
  method: LoginMethod;
  expiresAt: Date;
  isPlatformAdmin: boolean;
};

/** A login lives this long without a refresh. */
export const REFRESH_TOKEN_SECONDS = 30 * 24 * 3600;
/** A browser's session ends after a week, used or not. */
export const SESSION_SECONDS = 7 * 24 * 3600;
