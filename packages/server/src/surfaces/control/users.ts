import { controlRoutes as routes } from '@assay/contract';
import type { tenancyOperations } from '../../modules/tenancy/index.ts';
import type { Call } from '../../platform/operation.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

type Operations = ReturnType<typeof tenancyOperations>;

/** Erasing people: `data.erased`. */
export function serveUsers(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);
  const answer = (call: Call, erased: { userId: string; organizationIds: string[] }, self: string) =>
    envelope(call, {
      status: 200,
      data: { erased: { user_id: erased.userId, organization_ids: erased.organizationIds } },
      links: { self },
    });

  surface.serve(routes.eraseUser, async ({ params }, call) => {
    const erased = await run(of.eraseUser, call, params);
    return answer(call, erased, `/v1/users/${erased.userId}`);
  });

  surface.serve(routes.eraseMe, async ({ body }, call) => answer(call, await run(of.eraseMe, call, body), '/v1/me'));
}
