import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

const Erased = z.object({ user_id: z.string(), organization_ids: z.array(z.string()) }).meta({ id: 'ErasedUser' });
const answers = {
  200: {
    description: 'Who was erased, and which organizations they were in.',
    schema: enveloped(z.object({ erased: Erased })),
  },
};

/** Erasing people. */
export const userRoutes = {
  eraseUser: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/users/{id}',
    operation: 'tenancy.user.erase',
    summary: 'Erase a person for good, as an administrator of the installation',
    params: z.object({ id: z.string().max(64) }),
    answers,
  }),
  eraseMe: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/me',
    operation: 'tenancy.user.erase_me',
    summary: 'Erase yourself for good',
    body: z.strictObject({
      email: z.string().max(254).meta({ description: 'Your address, to show that you mean it.' }),
    }),
    answers,
  }),
};
