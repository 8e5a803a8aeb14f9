import { z } from 'zod';

/** The ladder, weakest first; and what other systems call its steps. */
const ROLES = {
  viewer: 'viewer',
  developer: 'developer',
  operator: 'operator',
  admin: 'admin',
  owner: 'owner',
  // evershell: Owner, Operator, Member. fabric: admin, member.
  member: 'developer',
  // crewkit: owner, admin, manager, developer, viewer.
  manager: 'operator',
  // evc-platform. A lead leads a project, which is a role there and none in the organization.
  org_owner: 'owner',
  org_admin: 'admin',
  project_lead: 'developer',
} as const;
type Name = keyof typeof ROLES;

/** A role as answers show it. */
export const MemberRole = z.enum(['viewer', 'developer', 'operator', 'admin', 'owner']).meta({ id: 'MemberRole' });
export type MemberRole = z.infer<typeof MemberRole>;

/** A role as it may be sent: a step of the ladder, or what another system calls it, in any case. */
export const RoleName = z
  .string()
  .max(30)
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(Object.keys(ROLES) as [Name, ...Name[]]))
  .transform((name): MemberRole => ROLES[name])
  .meta({
    id: 'RoleName',
    description: `One of ${MemberRole.options.join(', ')}; other systems' names (${Object.keys(ROLES).slice(5).join(', ')}) are understood.`,
  });
