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
  /** What it is limited to; null for all that the person may do. */
  scopes: readonly string[] | null;
  /** The OAuth client that it was given to; null for a sign-in of our own. */
  clientId: string | null;
  isPlatformAdmin: boolean;
};

/** An access token of a device lives an hour (crewkit), that of any other sign-in 15 minutes (evc-platform). */
export const DEVICE_TOKEN_SECONDS = 3600;
/** A login lives this long without a refresh. */
export const REFRESH_TOKEN_SECONDS = 30 * 24 * 3600;
/** A browser's session ends after a week, used or not. */
export const SESSION_SECONDS = 7 * 24 * 3600;
