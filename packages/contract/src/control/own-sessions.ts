import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

/** One sign-in of a person, until it ends. */
const LoginSession = z
  .object({
    id: z.uuid(),
    method: z.enum(['password', 'sso', 'passkey', 'device', 'invitation']),
    client: z.string().meta({ description: 'What signed in, as it names itself.' }),
    address: z.string().nullable(),
    organization_id: z.uuid().nullable(),
    is_browser: z.boolean(),
    is_current: z.boolean().meta({ description: 'Whether this very request is made with it.' }),
    created_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime().meta({ description: 'To the minute.' }),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'LoginSession' });

const Ended = enveloped(z.object({ ended: z.int() }));

/** Where one is signed in. */
export const ownSessionRoutes = {
  listOwnSessions: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/sessions',
    operation: 'identity.session.list',
    summary: 'List where you are signed in',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z.string().max(500).optional(),
    }),
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ sessions: z.array(LoginSession) })),
      },
    },
  }),
  endOwnSession: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/me/sessions/{id}',
    operation: 'identity.session.revoke',
    summary: 'End one of your logins',
    params: z.object({ id: z.string().max(64) }),
    answers: { 200: { description: 'It has ended.', schema: Ended } },
  }),
  endAllOwnSessions: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/me/sessions',
    operation: 'identity.session.revoke_all',
    summary: 'Sign out everywhere',
    answers: { 200: { description: 'All of your logins have ended, this one too.', schema: Ended } },
  }),
};
