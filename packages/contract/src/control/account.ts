import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

const Email = z
  .string()
  .trim()
  .max(254)
  .regex(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address');
const Name = z.string().trim().min(1).max(100);
const Password = z.string().min(1).max(2048);
const Token = z.string().min(1).max(200);

/** A person's own account. */
const Profile = z
  .object({
    id: z.uuid(),
    email: z.string(),
    name: z.string(),
    has_password: z.boolean().meta({ description: 'False for a person who signs in elsewhere.' }),
    has_second_factor: z.boolean(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Profile' });

/** What is done behind the answer, or not at all: the answer does not say which. */
const Accepted = enveloped(z.object({ accepted: z.literal(true) }));
const Done = enveloped(z.object({ done: z.literal(true) }));

/** Passwords, e-mail addresses and accounts of people. */
export const accountRoutes = {
  forgotPassword: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/auth/password/forgot',
    operation: 'identity.password.forgot',
    summary: 'Ask for a new password by mail',
    body: z.strictObject({ email: Email }).meta({ id: 'ForgottenPassword' }),
    answers: { 202: { description: 'A mail is on its way, if there is such an account.', schema: Accepted } },
    isPublic: true,
  }),
  resetPassword: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/auth/password/reset',
    operation: 'identity.password.reset',
    summary: 'Choose a new password with the token from the mail',
    body: z.strictObject({ token: Token, password: Password }).meta({ id: 'PasswordReset' }),
    answers: { 200: { description: 'Changed; all logins have ended.', schema: Done } },
    isPublic: true,
  }),
  changePassword: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/auth/password/change',
    operation: 'identity.password.change',
    summary: 'Change your password',
    body: z.strictObject({ current_password: Password, password: Password }).meta({ id: 'PasswordChange' }),
    answers: { 200: { description: 'Changed; all other logins have ended.', schema: Done } },
  }),
  issuePasswordReset: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/users/{id}/password-reset',
    operation: 'identity.password.issue_reset',
    summary: 'Make a token to choose a new password with, for administrators of the installation',
    params: z.object({ id: z.string().max(64) }),
    answers: {
      201: {
        description: 'The token, to be handed over; shown here and never again.',
        schema: enveloped(z.object({ token: z.string(), expires_in: z.int() })),
      },
    },
  }),
  signUp: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/auth/signup',
    operation: 'identity.account.sign_up',
    summary: 'Make an account, where open sign-up is on',
    body: z.strictObject({ email: Email, name: Name, password: Password }).meta({ id: 'SignUp' }),
    answers: { 202: { description: 'A mail to confirm the address is on its way.', schema: Accepted } },
    isPublic: true,
  }),
  confirmSignUp: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/auth/signup/confirm',
    operation: 'identity.account.confirm',
    summary: 'Confirm the address of a new account',
    body: z.strictObject({ token: Token }).meta({ id: 'SignUpConfirmation' }),
    answers: {
      201: { description: 'The account exists: sign in.', schema: enveloped(z.object({ user_id: z.uuid() })) },
    },
    isPublic: true,
  }),
  changeEmail: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/me/email',
    operation: 'identity.email.change',
    summary: 'Ask to move your account to another e-mail address',
    body: z.strictObject({ email: Email, password: Password }).meta({ id: 'EmailChange' }),
    answers: { 202: { description: 'A mail to confirm the address is on its way.', schema: Accepted } },
  }),
  confirmEmail: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/auth/email/confirm',
    operation: 'identity.email.confirm',
    summary: 'Confirm the new e-mail address of an account',
    body: z.strictObject({ token: Token }).meta({ id: 'EmailConfirmation' }),
    answers: { 200: { description: 'Changed; all logins have ended.', schema: Done } },
    isPublic: true,
  }),
  getProfile: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/profile',
    operation: 'identity.profile.get',
    summary: 'Your account',
    answers: { 200: { description: 'The account.', schema: enveloped(z.object({ profile: Profile })) } },
  }),
  updateProfile: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/me/profile',
    operation: 'identity.profile.update',
    summary: 'Change your name',
    body: z.strictObject({ name: Name }).meta({ id: 'ProfileChange' }),
    answers: { 200: { description: 'The changed account.', schema: enveloped(z.object({ profile: Profile })) } },
  }),
};
