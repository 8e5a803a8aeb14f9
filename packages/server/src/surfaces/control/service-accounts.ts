import { controlRoutes as routes } from '@assay/contract';
import type { ServiceAccount, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Operations = ReturnType<typeof tenancyOperations>;
type Raw = Parameters<Handler<typeof routes.changeServiceAccount>>[2];

/** Service accounts: `data.service_account`. */
export function serveServiceAccounts(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.listServiceAccounts, async ({ query }, call) => {
    const page = await run(of.listServiceAccounts, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { service_accounts: page.items.map(encodeAccount) },
      links: pageLinks('/v1/service-accounts', query, page.nextCursor),
    });
  });

  surface.serve(routes.createServiceAccount, async ({ body }, call, raw) => {
    const { custom_role_id: customRoleId = null, ...rest } = body;
    return answerWith(call, raw, await run(of.createServiceAccount, call, { ...rest, customRoleId }), 201);
  });

  surface.serve(routes.changeServiceAccount, async ({ params, body }, call, raw) => {
    const { custom_role_id: customRoleId, disabled: isDisabled, ...rest } = body;
    const { after } = await run(of.changeServiceAccount, call, {
      id: params.id,
      expected: expectedVersions(raw.request.headers),
      ...rest,
      customRoleId,
      isDisabled,
    });
    return answerWith(call, raw, after);
  });

  surface.serve(routes.deleteServiceAccount, async ({ params }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    return answerWith(call, raw, await run(of.deleteServiceAccount, call, { id: params.id, expected }));
  });
}

function answerWith(call: Call, { reply }: Raw, account: ServiceAccount, status = 200) {
  reply.header('etag', etagOf(account.version));
  const links = { self: `/v1/service-accounts/${account.id}` };
  return envelope(call, { status, data: { service_account: encodeAccount(account) }, links });
}

const encodeAccount = (account: ServiceAccount) => ({
  id: account.id,
  name: account.name,
  description: account.description,
  role: account.role,
  custom_role_id: account.customRoleId,
  created_at: account.createdAt.toISOString(),
  disabled_at: account.disabledAt?.toISOString() ?? null,
});
