import type { Assay, Person, Principal } from '@assay/sdk';

/** Who the credential stands for. */
export type Self = {
  principal: Principal;
  /** Null for a key. */
  person: Person | null;
  /** What to call them. */
  name: string;
  /** Its name where it is known, else its id; null for somebody in none. */
  organization: string | null;
};

/** Asks the server who is calling. */
export async function describeSelf(assay: Assay, signal: AbortSignal): Promise<Self> {
  const principal = await assay.me({ signal });
  const person = principal.kind === 'user' ? await assay.oauth.userInfo({ signal }) : null;
  return {
    principal,
    person,
    name: person?.email ?? `API key ${principal.id}`,
    organization: person?.organization_name ?? principal.organization_id,
  };
}
