import { IdentityService, type OrganizationSchema } from '@assay/contract/grpc';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { accessOperations } from '../../modules/access/index.ts';
import type { whoAmI } from '../../modules/identity/index.ts';
import type { Organization, tenancyOperations } from '../../modules/tenancy/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { pageSizeOf, pageTokenOf } from './paging.ts';
import { present } from './present.ts';
import type { RpcSurface } from './rpc-surface.ts';

export type IdentityOperations = {
  whoAmI: typeof whoAmI;
  listMyOrganizations: ReturnType<typeof tenancyOperations>['listMyOrganizations'];
  listPermissions: ReturnType<typeof accessOperations>['listPermissions'];
};

const PAGES = { usual: 50, most: 200 };

export function serveIdentity(surface: RpcSurface, run: HttpKit['operator']['run'], of: IdentityOperations): void {
  surface.serve(IdentityService, 'control', {
    async me(_request, call) {
      const { id, kind, orgId, role, scopes, posture } = await run(of.whoAmI, call, undefined);
      return {
        principal: { id, kind, scopes: [...scopes].sort(), posture, ...present({ organizationId: orgId, role }) },
      };
    },

    async listOrganizations({ pageSize, pageToken }, call) {
      const page = { limit: pageSizeOf(pageSize, PAGES), cursor: pageToken === '' ? null : pageToken };
      const { items, nextCursor } = await pageTokenOf(() => run(of.listMyOrganizations, call, page));
      return { organizations: items.map(encodeOrganization), nextPageToken: nextCursor ?? '' };
    },

    async listPermissions(_request, call) {
      const { grants, scopes } = await run(of.listPermissions, call, undefined);
      return {
        grants: grants.map(({ kind, ...rest }) => ({ kind, ...present(rest) })),
        scopes: scopes.map(({ scope, sentence, ownOnly, reasons }) => ({
          scope,
          sentence,
          ownOnly,
          reasons: [...reasons],
        })),
      };
    },
  });
}

const encodeOrganization = (organization: Organization): MessageInitShape<typeof OrganizationSchema> => ({
  id: organization.id,
  name: organization.name,
  slug: organization.slug,
  posture: organization.posture,
  createdAt: timestampFromDate(organization.createdAt),
  ...present({ trialEndsAt: organization.trialEndsAt && timestampFromDate(organization.trialEndsAt) }),
});
