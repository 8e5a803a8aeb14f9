import type { tenancyOperations } from '../../modules/tenancy/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { serveCustomRoles } from './custom-roles.ts';
import { serveInvitations } from './invitations.ts';
import { serveMembers } from './members.ts';
import { serveOrganizations } from './organizations.ts';
import { serveServiceAccounts } from './service-accounts.ts';
import { serveTeams } from './teams.ts';
import { serveUsers } from './users.ts';

/** Organizations and all that says who is in them as what. */
export function serveTenancy(surface: Surface, kit: HttpKit, of: ReturnType<typeof tenancyOperations>): void {
  serveOrganizations(surface, kit, of);
  serveMembers(surface, kit, of);
  serveTeams(surface, kit, of);
  serveInvitations(surface, kit, of);
  serveCustomRoles(surface, kit, of);
  serveServiceAccounts(surface, kit, of);
  serveUsers(surface, kit, of);
}
