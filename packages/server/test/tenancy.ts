import { randomBytes } from 'node:crypto';
import type { Core } from '../src/compose/core.ts';
import { tenancyServices } from '../src/compose/tenancy.ts';
import type { OrganizationId } from '../src/kernel/ids.ts';
import type { MemberRole, Principal } from '../src/kernel/principal.ts';
import { Sensitive } from '../src/kernel/sensitive.ts';
import { scopesOfMember } from '../src/modules/access/index.ts';
import { Endings } from '../src/modules/evaluations/index.ts';
import { type TenancyServices, tenancyOperations } from '../src/modules/tenancy/index.ts';
import { Graphs } from '../src/modules/workflows/index.ts';
import { Outbox } from '../src/platform/mail/mailer.ts';
import type { Operation } from '../src/platform/operation.ts';
import { aCall, aPrincipal } from './calls.ts';
import type { TestDatabase } from './database.ts';
import { governed } from './governed.ts';
import { aPerson } from './people.ts';

/** Tenancy as the server wires it, on a test database, with signals that nobody hears. */
export function tenancyOn(db: TestDatabase, { graceDays = 30 }: { graceDays?: number } = {}) {
  const systemStatements = (work: Parameters<typeof db.system.statements>[1]) =>
    db.system.statements({ orgId: null }, work);
  const core = {
    config: {
      publicUrl: 'https://assay.example',
      organizationCreation: 'everybody',
      organizationGraceDays: graceDays,
      billingWebhookSecret: null,
    },
    wakeups: { raiseWith: () => {}, raise: () => {} },
    endings: new Endings(),
    mailer: new Outbox({ masterKey: new Sensitive(randomBytes(32)), isConfigured: false, queued: () => {} }),
    told: () => {},
    systemTransaction: (work: Parameters<typeof db.system.transaction>[1]) =>
      db.system.transaction({ orgId: null }, work),
    systemStatements,
    workflows: { graphs: new Graphs(systemStatements as ConstructorParameters<typeof Graphs>[0]), ended: () => {} },
  } as unknown as Core;
  const services: TenancyServices = tenancyServices(core);
  const operations = tenancyOperations(services);
  const operator = governed(db);
  return {
    services,
    operations,
    /** Runs an operation as a principal. */
    run: <Input, Output>(operation: Operation<Input, Output>, principal: Principal, input: Input): Promise<Output> =>
      operator.run(operation, aCall({ principal }), input),
  };
}

/** Somebody who signed in, as authentication would see them now. */
export const signedIn = (person: { userId: string; orgId: string }, role: MemberRole): Principal =>
  aPrincipal({
    kind: 'user',
    id: person.userId,
    userId: person.userId,
    orgId: person.orgId as OrganizationId,
    role,
    scopes: scopesOfMember(role, null),
  });

/** A member of an organization who signed in. */
export async function aMember(db: TestDatabase, orgId: string, role: MemberRole): Promise<Principal> {
  return signedIn(await aPerson(db, { orgId, role }), role);
}
