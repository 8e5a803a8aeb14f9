import { z } from 'zod';

export const ApiKey = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string(),
    last_four: z.string(),
    scopes: z.array(z.string()),
    status: z.enum(['active', 'expired', 'disabled', 'revoked']),
    created_by: z.string().nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKey>;

export const NewApiKey = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    scopes: z.array(z.string()).max(100).optional(),
    permission_set: z.enum(['full_access', 'submit_observe', 'read_only']).optional(),
    expires_at: z.iso.datetime().optional(),
  })
  .refine((body) => body.scopes === undefined || body.permission_set === undefined, {
    message: 'give `scopes` or `permission_set`, not both',
    path: ['scopes'],
  })
  .meta({ id: 'NewApiKey' });
export type NewApiKey = z.infer<typeof NewApiKey>;
