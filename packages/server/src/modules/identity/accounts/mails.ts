import type { Mail } from '../../../platform/mail/mailer.ts';

/** Where people find this installation; null when it was not said: then mail holds codes, and no links. */
export type PublicUrl = string | null;

const how = (publicUrl: PublicUrl, page: string, token: string): string =>
  publicUrl === null ? `Your code is:\n\n${token}` : `Open this page:\n\n${publicUrl}${page}?token=${token}`;

export const passwordResetMail = (publicUrl: PublicUrl, to: string, token: string): Mail => ({
  to,
  subject: 'Choose a new password for Assay',
  text: `Somebody asked for a new password for the Assay account of this address.

${how(publicUrl, '/account/reset-password', token)}

It works once, for an hour. If it was not you, do nothing: your password stays as it is.
`,
});

export const passwordChangedMail = (to: string): Mail => ({
  to,
  subject: 'Your Assay password was changed',
  text: `The password of the Assay account of this address was changed just now, and all other sign-ins were ended.

If it was not you, ask for a new password at once and tell an administrator.
`,
});

export const confirmEmailMail = (publicUrl: PublicUrl, to: string, token: string): Mail => ({
  to,
  subject: 'Confirm your new e-mail address for Assay',
  text: `Somebody wants to use this address for their Assay account.

${how(publicUrl, '/account/confirm-email', token)}

It works once, for a day. If it was not you, do nothing.
`,
});

export const emailChangedMail = (to: string, next: string): Mail => ({
  to,
  subject: 'Your Assay account has another e-mail address',
  text: `The Assay account of this address now belongs to ${next}, and all other sign-ins were ended.

If it was not you, tell an administrator at once.
`,
});

export const emailChangeAskedMail = (to: string, next: string): Mail => ({
  to,
  subject: 'Your Assay account is about to get another e-mail address',
  text: `Somebody who is signed in to the Assay account of this address asked to move it to ${next}.

It happens once that address is confirmed. If it was not you, change your password now: that stops it.
`,
});

export const signUpMail = (publicUrl: PublicUrl, to: string, token: string): Mail => ({
  to,
  subject: 'Confirm your Assay account',
  text: `Somebody made an Assay account with this address.

${how(publicUrl, '/account/confirm-sign-up', token)}

It works once, for a day. If it was not you, do nothing: without it there is no account.
`,
});

export const alreadySignedUpMail = (to: string): Mail => ({
  to,
  subject: 'You have an Assay account already',
  text: `Somebody tried to make an Assay account with this address, which has one. Sign in, or ask for a new password.

If it was not you, do nothing.
`,
});
