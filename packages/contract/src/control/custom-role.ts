import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const CustomRole = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    scopes: z.array(z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'CustomRole' });

const name = z.string().trim().min(1).max(100);
const description = z.string().max(1000);
const scopes = z.array(z.string().max(100)).max(200);
const NewCustomRole = z
  .strictObject({ name, description: description.default(''), scopes })
  .meta({ id: 'NewCustomRole' });

const organization = z.object({ id: z.string().max(64) });
const params = organization.extend({ role_id: z.string().max(64) });
const one = enveloped(z.object({ custom_role: CustomRole }));

/** Roles that an organization makes itself, of scopes. */
export const customRoleRoutes = {
  listCustomRoles: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/custom-roles',
    operation: 'tenancy.custom_role.list',
    organization: 'id',
    summary: 'List custom roles',
    params: organization,
    query: PageQuery,
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ custom_roles: z.array(CustomRole) })) },
    },
  }),
  createCustomRole: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/organizations/{id}/custom-roles',
    operation: 'tenancy.custom_role.create',
    organization: 'id',
    summary: 'Make a custom role',
    params: organization,
    body: NewCustomRole,
    answers: { 201: { description: 'The role.', schema: one } },
  }),
  changeCustomRole: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/organizations/{id}/custom-roles/{role_id}',
    operation: 'tenancy.custom_role.update',
    organization: 'id',
    summary: 'Change a custom role (`If-Match` holds it to a version)',
    params,
    body: z.strictObject({ name: name.optional(), description: description.optional(), scopes: scopes.optional() }),
    answers: { 200: { description: 'The role.', schema: one } },
  }),
  deleteCustomRole: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/custom-roles/{role_id}',
    operation: 'tenancy.custom_role.delete',
    organization: 'id',
    summary: 'Delete a custom role that nobody has',
    params,
    answers: { 200: { description: 'The deleted role.', schema: one } },
  }),
};
