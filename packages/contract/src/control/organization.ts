import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

export const Organization = z
  .object({
    id: z.uuid(),
    name: z.string(),
    slug: z.string(),
    posture: z.enum(['active', 'trial', 'past_due', 'decommissioning']),
    trial_ends_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    deleted_at: z.iso.datetime().nullable(),
    erase_after: z.iso.datetime().nullable().meta({ description: 'Until when a deleted one can be restored.' }),
  })
  .meta({ id: 'Organization' });
export type Organization = z.infer<typeof Organization>;

const name = z.string().trim().min(1).max(100);
const slug = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1 to 63 of a-z, 0-9 and -, beginning and ending without -');
const posture = z.enum(['active', 'trial', 'past_due', 'decommissioning']);
const Billing = z.strictObject({
  posture,
  trial_ends_at: z.iso.datetime({ offset: true }).nullable().optional().meta({ description: 'Of a trial only.' }),
});

const NewOrganization = z
  .strictObject({ name, slug: slug.optional().meta({ description: 'Made of the name unless given.' }) })
  .meta({ id: 'NewOrganization' });
const OrganizationChange = z.strictObject({ name: name.optional(), slug: slug.optional() });

/** What a billing system posts, signed as Standard Webhooks has it. */
const BillingMessage = z
  .object({
    type: z.literal('organization.billing.updated'),
    timestamp: z.iso.datetime({ offset: true }).optional(),
    data: Billing.extend({ organization_id: z.uuid() }),
  })
  .meta({ id: 'BillingMessage' });

const params = z.object({ id: z.string().max(64) });
const one = enveloped(z.object({ organization: Organization }));
const many = enveloped(z.object({ organizations: z.array(Organization) }));

/** Organizations, and what billing says of them. */
export const organizationRoutes = {
  createOrganization: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/organizations',
    operation: 'tenancy.organization.create',
    summary: 'Create an organization, and own it',
    body: NewOrganization,
    answers: { 201: { description: 'The organization.', schema: one } },
  }),
  listOrganizations: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations',
    operation: 'tenancy.organization.list',
    summary: 'List organizations',
    query: PageQuery.extend({
      all: z.enum(['true', 'false']).optional().meta({ description: 'Every organization; for administrators.' }),
    }),
    answers: { 200: { description: 'A page, newest first.', schema: many } },
  }),
  listMyOrganizations: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/me/organizations',
    operation: 'tenancy.organization.list_mine',
    summary: 'List the organizations that you belong to',
    query: PageQuery,
    answers: { 200: { description: 'A page, newest first.', schema: many } },
  }),
  getOrganization: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}',
    operation: 'tenancy.organization.get',
    organization: 'id',
    summary: 'Get an organization',
    params,
    answers: { 200: { description: 'The organization, with its `ETag`.', schema: one } },
  }),
  changeOrganization: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/organizations/{id}',
    operation: 'tenancy.organization.update',
    organization: 'id',
    summary: 'Change an organization (`If-Match` holds it to a version)',
    params,
    body: OrganizationChange,
    answers: { 200: { description: 'The organization.', schema: one } },
  }),
  deleteOrganization: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}',
    operation: 'tenancy.organization.delete',
    organization: 'id',
    summary: 'Delete an organization; it can be restored until `erase_after`',
    params,
    answers: { 200: { description: 'The deleted organization.', schema: one } },
  }),
  restoreOrganization: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/organizations/{id}/restore',
    operation: 'tenancy.organization.restore',
    summary: 'Bring back a deleted organization',
    params,
    answers: { 200: { description: 'The organization.', schema: one } },
  }),
  setBilling: route({
    surface: 'control',
    method: 'PATCH',
    path: '/v1/organizations/{id}/billing',
    operation: 'tenancy.billing.set',
    summary: 'Set the billing posture, as an administrator of the installation',
    params,
    body: Billing,
    answers: { 200: { description: 'The organization.', schema: one } },
  }),
  receiveBilling: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/billing/webhook',
    operation: 'tenancy.billing.receive',
    summary: 'What the billing system posts, with `webhook-id`, `webhook-timestamp` and `webhook-signature`',
    body: BillingMessage,
    isPublic: true,
    isSigned: true,
    answers: {
      200: {
        description: 'Taken; `is_new` is false for one that had come already.',
        schema: enveloped(z.object({ is_new: z.boolean() })),
      },
    },
  }),
};
