import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { MemberRole, RoleName } from './member-role.ts';
import { PageQuery } from './page.ts';

const ServiceAccount = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    role: MemberRole,
    custom_role_id: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    disabled_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ServiceAccount' });

const name = z.string().trim().min(1).max(100);
const description = z.string().max(1000);
const NewServiceAccount = z
  .strictObject({
    name,
    description: description.default(''),
    role: RoleName,
    custom_role_id: z.uuid().nullable().optional(),
  })
  .meta({ id: 'NewServiceAccount' });

const params = z.object({ id: z.string().max(64) });
const one = enveloped(z.object({ service_account: ServiceAccount }));

/** Accounts that programs act by, through API keys. */
export const serviceAccountRoutes = {
  listServiceAccounts: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/service-accounts',
    operation: 'tenancy.service_account.list',
    summary: 'List service accounts',
    query: PageQuery,
    answers: {
      200: {
        description: 'A page, newest first.',
        schema: enveloped(z.object({ service_accounts: z.array(ServiceAccount) })),
      },
    },
  }),
  createServiceAccount: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/service-accounts',
    operation: 'tenancy.service_account.create',
    summary: 'Make a service account',
    body: NewServiceAccount,
    answers: { 201: { description: 'The account.', schema: one } },
  }),
  changeServiceAccount: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/service-accounts/{id}',
    operation: 'tenancy.service_account.update',
    summary: 'Change a service account, or switch it off (`If-Match` holds it to a version)',
    params,
    body: z.strictObject({
      name: name.optional(),
      description: description.optional(),
      role: RoleName.optional(),
      custom_role_id: z.uuid().nullable().optional(),
      disabled: z.boolean().optional().meta({ description: 'Its keys stop while it is.' }),
    }),
    answers: { 200: { description: 'The account.', schema: one } },
  }),
  deleteServiceAccount: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/service-accounts/{id}',
    operation: 'tenancy.service_account.delete',
    summary: 'Delete a service account and end its keys',
    params,
    answers: { 200: { description: 'The deleted account.', schema: one } },
  }),
};
