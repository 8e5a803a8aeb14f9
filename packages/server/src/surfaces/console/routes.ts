import { route } from '@assay/contract';
import { z } from 'zod';

const page = { description: 'A page.', otherMedia: ['text/html'] } as const;
const Next = z.string().max(2000).optional();
const FormToken = z.string().max(100).default('');

/** Pages for people. They are no API: what they do, operations do that the API reaches too. */
export const pageRoutes = {
  front: route({
    surface: 'console',
    method: 'GET',
    path: '/',
    operation: null,
    summary: 'What this is',
    answers: { 200: page },
    isPublic: true,
  }),
  signIn: route({
    surface: 'console',
    method: 'GET',
    path: '/login',
    operation: null,
    summary: 'Sign-in form',
    query: z.object({ next: Next }),
    answers: { 200: page },
    isPublic: true,
  }),
  submitPassword: route({
    surface: 'console',
    method: 'POST',
    path: '/login',
    operation: 'identity.login.create',
    summary: 'Sign in with a password',
    body: z.object({
      email: z.string().trim().max(254).default(''),
      password: z.string().max(1024).default(''),
      next: Next,
      form_token: FormToken,
    }),
    answers: { 200: page },
    isPublic: true,
  }),
  submitCode: route({
    surface: 'console',
    method: 'POST',
    path: '/login/code',
    operation: 'identity.login.complete',
    summary: 'Finish signing in with a second factor',
    body: z.object({
      mfa_token: z.string().max(200).default(''),
      code: z.string().trim().max(20).default(''),
      next: Next,
      form_token: FormToken,
    }),
    answers: { 200: page },
    isPublic: true,
  }),
  submitPasskey: route({
    surface: 'console',
    method: 'POST',
    path: '/login/passkey',
    operation: 'identity.login.with_passkey',
    summary: 'Sign in with a passkey',
    body: z.object({ response: z.string().max(200_000).default(''), next: Next, form_token: FormToken }),
    answers: { 200: page },
    isPublic: true,
  }),
  signOut: route({
    surface: 'console',
    method: 'POST',
    path: '/logout',
    operation: 'identity.session.end',
    summary: 'Sign out',
    body: z.object({ form_token: FormToken }),
    answers: { 200: page },
    isPublic: true,
  }),
  device: route({
    surface: 'console',
    method: 'GET',
    path: '/device',
    operation: 'identity.device.get',
    summary: 'Who asks to sign in with a code',
    query: z.object({ user_code: z.string().max(100).optional() }),
    answers: { 200: page },
    isPublic: true,
  }),
  decideDevice: route({
    surface: 'console',
    method: 'POST',
    path: '/device',
    operation: 'identity.device.decide',
    summary: 'Let a device in, or not',
    body: z.object({
      user_code: z.string().max(100).default(''),
      decision: z.enum(['approve', 'deny', 'report']),
      organization: z.string().max(64).optional(),
      form_token: FormToken,
    }),
    answers: { 200: page },
    isPublic: true,
  }),
};
