import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

export const EncryptionKeys = z
  .object({
    master_key: z.string().meta({ description: 'The one in use, by a name that tells nothing of it.' }),
    available: z.array(z.string()).meta({ description: 'The master keys that this server has, the first one first.' }),
    needed: z
      .array(z.string())
      .meta({ description: 'The master keys that can open something. Any other can be thrown away.' }),
    root_version: z.int(),
    pending: z.int().meta({ description: 'Data keys that are still to be wrapped anew.' }),
  })
  .meta({ id: 'EncryptionKeys' });
export type EncryptionKeys = z.infer<typeof EncryptionKeys>;

const MasterKeyRotation = z
  .strictObject({
    generate: z
      .boolean()
      .default(false)
      .meta({ description: 'Make a new key in the file of the server first, instead of taking the one put in front.' }),
  })
  .meta({ id: 'MasterKeyRotation' });

const Status = enveloped(z.object({ encryption_keys: EncryptionKeys }));

/** The keys that everything else is sealed with. */
export const encryptionKeyRoutes = {
  getEncryptionKeys: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/encryption-keys',
    operation: 'vault.encryption_key.get',
    summary: 'Show the master key in use and how far a rotation is',
    answers: { 200: { description: 'Names and numbers; no keys.', schema: Status } },
  }),
  rotateMasterKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/encryption-keys/rotate-master',
    operation: 'vault.encryption_key.rotate_master',
    summary: 'Move the installation to another master key',
    body: MasterKeyRotation.prefault({}),
    answers: { 200: { description: 'How things stand; the rest follows in the background.', schema: Status } },
  }),
  rotateDataKeys: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/encryption-keys/rotate',
    operation: 'vault.encryption_key.rotate',
    summary: 'Give the organization new data keys',
    answers: {
      200: {
        description: 'The new version for each purpose; what is sealed with older ones follows in the background.',
        schema: enveloped(z.object({ data_keys: z.array(z.object({ purpose: z.string(), version: z.int() })) })),
      },
    },
  }),
};
