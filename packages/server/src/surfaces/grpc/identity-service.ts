import { IdentityService } from '@assay/contract/grpc';
import type { whoAmI } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { RpcSurface } from './rpc-surface.ts';

export function serveIdentity(
  surface: RpcSurface,
  run: HttpKit['operator']['run'],
  of: { whoAmI: typeof whoAmI },
): void {
  surface.serve(IdentityService, 'control', {
    async me(_request, call) {
      const { id, kind, orgId, role, scopes, posture } = await run(of.whoAmI, call, undefined);
      return {
        principal: {
          id,
          kind,
          scopes: [...scopes].sort(),
          posture,
          ...(orgId !== null && { organizationId: orgId }),
          ...(role !== null && { role }),
        },
      };
    },
  });
}
