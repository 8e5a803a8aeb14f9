import type { Assay, CredentialHolder, Principal } from '@assay/sdk';

/** Whom the credential stands for. */
export type Self = {
  principal: Principal;
  holder: CredentialHolder;
  /** What to call them. */
  name: string;
  /** Its name where it is known, else its id; null for somebody in none. */
  organization: string | null;
};

/** Asks the server who is calling. */
export async function describeSelf(assay: Assay, signal: AbortSignal): Promise<Self> {
  const principal = await assay.me({ signal });
  const holder = await assay.oauth.userInfo({ signal });
  return {
    principal,
    holder,
    name: holder.email ?? `API key ${principal.id}`,
    organization: holder.organization_name ?? principal.organization_id,
  };
}
