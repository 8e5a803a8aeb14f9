import { billingOperations } from './billing/operations.ts';
import { invitationOperations } from './invitations/operations.ts';
import { memberOperations } from './members/operations.ts';
import { lifecycleOperations } from './organizations/lifecycle.ts';
import { organizationOperations } from './organizations/operations.ts';
import { personOperations } from './people/operations.ts';
import type { TenancyServices } from './ports.ts';
import { customRoleOperations } from './roles/operations.ts';
import { serviceAccountOperations } from './service-accounts/operations.ts';
import { teamOperations } from './teams/operations.ts';

/** The use cases of tenancy. */
export const tenancyOperations = (services: TenancyServices) => ({
  ...organizationOperations(services),
  ...lifecycleOperations(services),
  ...billingOperations(services),
  ...memberOperations(services),
  ...teamOperations(services),
  ...invitationOperations(services),
  ...customRoleOperations(services),
  ...serviceAccountOperations(services),
  ...personOperations(services),
});
