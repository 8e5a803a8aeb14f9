import { controlRoutes as routes } from '@assay/contract';
import type { OwnLogin, ownLoginOperations } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

/** Where somebody is signed in. */
export function serveOwnSessions(
  surface: Surface,
  { operator }: HttpKit,
  of: ReturnType<typeof ownLoginOperations>,
): void {
  const run = operator.run.bind(operator);
  const self = '/v1/me/sessions';

  surface.serve(routes.listOwnSessions, async ({ query }, call) => {
    const page = await run(of.listOwnLogins, call, { limit: query.limit, cursor: query.cursor ?? null });
    const at = (cursor: string): string => `${self}?limit=${query.limit}&cursor=${encodeURIComponent(cursor)}`;
    return envelope(call, {
      status: 200,
      data: { sessions: page.items.map(encodeLogin) },
      links: { self, ...(page.nextCursor === null ? {} : { next: at(page.nextCursor) }) },
    });
  });

  surface.serve(routes.endOwnSession, async ({ params }, call) => {
    await run(of.endOwnLogin, call, params);
    return envelope(call, { status: 200, data: { ended: 1 }, links: { self: `${self}/${params.id}` } });
  });

  surface.serve(routes.endAllOwnSessions, async (_decoded, call) =>
    envelope(call, { status: 200, data: await run(of.endAllOwnLogins, call, undefined), links: { self } }),
  );
}

const encodeLogin = (login: OwnLogin) => ({
  id: login.id,
  method: login.method,
  client: login.client,
  address: login.address,
  organization_id: login.orgId,
  is_browser: login.isBrowser,
  is_current: login.isCurrent,
  created_at: login.createdAt.toISOString(),
  last_seen_at: login.lastSeenAt.toISOString(),
  expires_at: login.expiresAt.toISOString(),
});
