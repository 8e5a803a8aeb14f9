import { controlRoutes as routes } from '@assay/contract';
import type { Organization, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import { type Handler, rawBodyOf, type Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Operations = ReturnType<typeof tenancyOperations>;
type Raw = Parameters<Handler<typeof routes.getOrganization>>[2];

/** Organizations and their billing posture: `data.organization`. */
export function serveOrganizations(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createOrganization, async ({ body }, call, raw) => {
    const organization = await run(of.createOrganization, call, { name: body.name, slug: body.slug ?? null });
    return answerWith(call, raw, organization, 201);
  });

  surface.serve(routes.listOrganizations, async ({ query }, call) => {
    const { limit, cursor = null } = query;
    const page = await run(of.listOrganizations, call, { limit, cursor, all: query.all === 'true' });
    return envelope(call, {
      status: 200,
      data: { organizations: page.items.map(encodeOrganization) },
      links: pageLinks('/v1/organizations', query, page.nextCursor),
    });
  });

  surface.serve(routes.listMyOrganizations, async ({ query }, call) => {
    const { limit, cursor = null } = query;
    const page = await run(of.listMyOrganizations, call, { limit, cursor });
    return envelope(call, {
      status: 200,
      data: { organizations: page.items.map(encodeOrganization) },
      links: pageLinks('/v1/me/organizations', query, page.nextCursor),
    });
  });

  surface.serve(routes.getOrganization, async (_decoded, call, raw) =>
    answerWith(call, raw, await run(of.getOrganization, call, undefined)),
  );

  surface.serve(routes.changeOrganization, async ({ body }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    const { after } = await run(of.changeOrganization, call, { ...body, expected });
    return answerWith(call, raw, after);
  });

  surface.serve(routes.deleteOrganization, async (_decoded, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    return answerWith(call, raw, await run(of.deleteOrganization, call, { expected }));
  });

  surface.serve(routes.restoreOrganization, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.restoreOrganization, call, params)),
  );

  surface.serve(routes.setBilling, async ({ params, body }, call, raw) => {
    const billing = { id: params.id, posture: body.posture, trialEndsAt: timeOf(body.trial_ends_at) };
    return answerWith(call, raw, await run(of.setBilling, call, billing));
  });

  surface.serve(routes.receiveBilling, async ({ body: { data } }, call, { request }) => {
    const header = (name: string): string => String(request.headers[name] ?? '');
    const { isNew } = await run(of.receiveBilling, call, {
      signed: {
        id: header('webhook-id'),
        timestamp: header('webhook-timestamp'),
        signature: header('webhook-signature'),
        payload: rawBodyOf(request),
      },
      billing: { id: data.organization_id, posture: data.posture, trialEndsAt: timeOf(data.trial_ends_at) },
    });
    return envelope(call, { status: 200, data: { is_new: isNew }, links: { self: '/v1/billing/webhook' } });
  });
}

const timeOf = (text: string | null | undefined): Date | null => (text ? new Date(text) : null);

function answerWith(call: Call, { reply }: Raw, organization: Organization, status = 200) {
  reply.header('etag', etagOf(organization.version));
  return envelope(call, {
    status,
    data: { organization: encodeOrganization(organization) },
    links: { self: `/v1/organizations/${organization.id}` },
  });
}

export const encodeOrganization = (organization: Organization) => ({
  id: organization.id,
  name: organization.name,
  slug: organization.slug,
  posture: organization.posture,
  trial_ends_at: organization.trialEndsAt?.toISOString() ?? null,
  created_at: organization.createdAt.toISOString(),
  updated_at: organization.updatedAt.toISOString(),
  deleted_at: organization.deletedAt?.toISOString() ?? null,
  erase_after: organization.eraseAfter?.toISOString() ?? null,
});
