import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

/** A key that signs access tokens, or verifies those that it has signed. */
const SigningKey = z
  .object({
    id: z.string().meta({ description: 'What tokens name as `kid`.' }),
    created_at: z.iso.datetime(),
    retired_at: z.iso.datetime().nullable(),
    verifies_until: z.iso.datetime().nullable(),
  })
  .meta({ id: 'SigningKey' });

const Keys = enveloped(z.object({ signing_keys: z.array(SigningKey) }));

/** Keys of access tokens, for administrators of the installation. */
export const signingKeyRoutes = {
  listSigningKeys: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/signing-keys',
    operation: 'identity.signing_key.list',
    summary: 'List the keys of access tokens',
    answers: { 200: { description: 'Those that sign or verify now, the newest first.', schema: Keys } },
  }),
  rotateSigningKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/signing-keys/rotate',
    operation: 'identity.signing_key.rotate',
    summary: 'Sign access tokens with a new key',
    body: z
      .strictObject({
        distrust: z
          .boolean()
          .default(false)
          .meta({ description: 'Tokens that older keys signed stop working at once: for a key that got out.' }),
      })
      .meta({ id: 'SigningKeyRotation' }),
    answers: { 201: { description: 'The keys, the new one first.', schema: Keys } },
  }),
};
