import { statement, type Tx } from '../../platform/db/index.ts';

const waitingOf = statement(
  'audit.erase_waiting',
  'update audit_leaves set personal = null where org_id = $1 and personal is not null',
);
const entriesOf = statement<{ erased: number }>(
  'audit.erase_entries',
  `with erased as (
     update audit_entries set personal = null, personal_salt = null
     where org_id = $1 and personal is not null returning 1)
   select count(*) as erased from erased`,
);
const CONCERNS = (kind: string, id: string): string =>
  `((${kind} = 'user' and ${id} = $1) or target_id = $1 or position($2 in lower(personal::text)) > 0)`;
const waitingOfPerson = statement(
  'audit.erase_waiting_of_person',
  `update audit_leaves set personal = null where personal is not null and ${CONCERNS('actor_kind', 'actor_id')}`,
);
const entriesOfPerson = statement<{ erased: number }>(
  'audit.erase_entries_of_person',
  `with erased as (
     update audit_entries set personal = null, personal_salt = null
     where personal is not null and ${CONCERNS('principal_kind', 'principal_id')} returning 1)
   select count(*) as erased from erased`,
);

/** On the system handle; says how many entries lost something. */
export async function erasePersonal(tx: Tx, orgId: string): Promise<number> {
  tx.defer(waitingOf, [orgId]);
  return (await tx.query(entriesOf, [orgId]))[0]?.erased ?? 0;
}

export async function erasePersonalOfPerson(tx: Tx, person: { userId: string; email: string }): Promise<number> {
  // Quoted, so that `a@b.example` does not match in `aa@b.example`.
  const email = JSON.stringify(person.email.toLowerCase());
  tx.defer(waitingOfPerson, [person.userId, email]);
  return (await tx.query(entriesOfPerson, [person.userId, email]))[0]?.erased ?? 0;
}
