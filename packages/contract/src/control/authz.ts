import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';

export const MAX_CHECKS = 1_000;

const PrincipalRef = z.strictObject({ type: z.enum(['user', 'service_account', 'api_key']), id: z.string().max(64) });
const ResourceRef = z.strictObject({ type: z.string().min(1).max(64), id: z.string().max(64).optional() });

/** One question. `resource` may be written `type:id`, or as `resource_type` and `resource_id`, as fabric's clients do. */
export const AuthzCheck = z
  .strictObject({
    principal: PrincipalRef.optional().meta({
      description: 'About whom; the caller unless given. Somebody else needs `members:read`.',
    }),
    action: z
      .string()
      .min(1)
      .max(100)
      .meta({ description: 'A scope (`evaluations:read`), the name of an operation, or a verb (`read`).' }),
    resource: z.union([ResourceRef, z.string().min(1).max(129)]).optional(),
    resource_type: z.string().min(1).max(64).optional(),
    resource_id: z.string().max(64).optional(),
  })
  .refine(({ resource, resource_type }) => (resource === undefined) !== (resource_type === undefined), {
    message: 'give `resource`, or `resource_type`, once',
    path: ['resource'],
  })
  .refine(({ resource, resource_id }) => resource === undefined || resource_id === undefined, {
    message: 'goes with `resource_type` only',
    path: ['resource_id'],
  })
  .meta({ id: 'AuthzCheck' });
export type AuthzCheck = z.infer<typeof AuthzCheck>;

const Verdict = z.object({
  allowed: z.boolean(),
  reason: z.string().meta({ description: 'Why, in a word: `scope`, `own_scope`, `scope_missing`, `not_found`, …' }),
  matched: z
    .object({ scope: z.string(), via: z.string(), name: z.string().nullable() })
    .nullable()
    .meta({ description: 'The grant that decided; null where none did.' }),
});

const Permission = z.object({
  kind: z.string(),
  name: z.string().nullable(),
  organization_id: z.string().nullable(),
  team_id: z.string().nullable(),
  role: z.string().nullable(),
});
const HeldScope = z.object({
  scope: z.string(),
  sentence: z.string(),
  own_only: z.boolean(),
  reasons: z.array(z.string()),
});

/** Questions about permissions. */
export const authzRoutes = {
  checkPermission: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/authz/check',
    operation: 'access.decision.check',
    summary: 'Single permission check',
    body: AuthzCheck,
    answers: { 200: { description: 'The decision, with its reason.', schema: enveloped(Verdict) } },
  }),
  checkPermissions: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/authz/check-batch',
    operation: 'access.decision.check_batch',
    summary: 'Batch permission check',
    body: z.strictObject({ checks: z.array(z.unknown()).min(1).max(MAX_CHECKS) }).meta({
      description: 'Up to 1,000 questions of the form `AuthzCheck`. Each is answered on its own.',
    }),
    answers: {
      200: {
        description: 'Results in the order of the questions; one that makes no sense has an `error`.',
        schema: enveloped(
          z.object({
            results: z.array(Verdict.extend({ error: z.object({ code: z.string(), message: z.string() }).nullable() })),
          }),
        ),
      },
    },
  }),
  myPermissions: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/permissions',
    operation: 'access.permission.list',
    summary: 'Effective permissions, with reasons',
    answers: {
      200: {
        description: 'What gives permissions, and the scopes that come of it.',
        schema: enveloped(z.object({ permissions: z.array(Permission), scopes: z.array(HeldScope) })),
      },
    },
  }),
};
