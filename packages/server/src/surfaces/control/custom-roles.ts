import { controlRoutes as routes } from '@assay/contract';
import type { CustomRole, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Operations = ReturnType<typeof tenancyOperations>;
type Raw = Parameters<Handler<typeof routes.changeCustomRole>>[2];

/** Custom roles: `data.custom_role`. */
export function serveCustomRoles(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.listCustomRoles, async ({ params, query }, call) => {
    const page = await run(of.listCustomRoles, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { custom_roles: page.items.map(encodeRole) },
      links: pageLinks(pathOf(params.id), query, page.nextCursor),
    });
  });

  surface.serve(routes.createCustomRole, async ({ params, body }, call, raw) => {
    const role = await run(of.createCustomRole, call, body);
    return answerWith(call, raw, { orgId: params.id, role, status: 201 });
  });

  surface.serve(routes.changeCustomRole, async ({ params, body }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    const { after } = await run(of.changeCustomRole, call, { id: params.role_id, ...body, expected });
    return answerWith(call, raw, { orgId: params.id, role: after });
  });

  surface.serve(routes.deleteCustomRole, async ({ params }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    const role = await run(of.deleteCustomRole, call, { id: params.role_id, expected });
    return answerWith(call, raw, { orgId: params.id, role });
  });
}

const pathOf = (orgId: string): string => `/v1/organizations/${orgId}/custom-roles`;

function answerWith(
  call: Call,
  { reply }: Raw,
  { orgId, role, status = 200 }: { orgId: string; role: CustomRole; status?: number },
) {
  reply.header('etag', etagOf(role.version));
  const links = { self: `${pathOf(orgId)}/${role.id}` };
  return envelope(call, { status, data: { custom_role: encodeRole(role) }, links });
}

const encodeRole = (role: CustomRole) => ({
  id: role.id,
  name: role.name,
  description: role.description,
  scopes: role.scopes,
  created_at: role.createdAt.toISOString(),
  updated_at: role.updatedAt.toISOString(),
});
