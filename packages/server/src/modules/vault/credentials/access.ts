import { isUuid } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Context } from '../../../platform/operation.ts';
import { storedCredentialErrors } from '../errors.ts';
import type { Credential } from './model.ts';
import * as store from './store.ts';

export const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);

/** Stands for a caller behind whom there is no person: no credential is theirs. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Whose personal credentials the caller sees beside the organization's; null for everybody's. */
export const visibleTo = ({ by, ownOnly }: Pick<Context, 'by' | 'ownOnly'>): string | null =>
  ownOnly ? (by.userId ?? NOBODY) : null;

type Find = (tx: Tx, orgId: string, id: string) => Promise<Credential | null>;

/**
 * A credential that the caller may see.
 * @throws AppError `not_found`, also for another person's: that it exists is none of the caller's business
 */
export async function requireVisible(
  context: Pick<Context, 'by' | 'ownOnly' | 'tx'>,
  id: string,
  find: Find = store.findCredential,
): Promise<Credential> {
  const found = isUuid(id) ? await find(context.tx, orgOf(context), id) : null;
  const person = visibleTo(context);
  if (!found || (person !== null && found.userId !== null && found.userId !== person))
    throw storedCredentialErrors.unknown('There is no credential with this id.');
  return found;
}

/**
 * A credential that the caller may change.
 * @throws AppError `not_found`, `denied` for the organization's when the caller may only change their own
 */
export async function requireOwn(
  context: Pick<Context, 'by' | 'ownOnly' | 'tx'>,
  id: string,
  find: Find = store.findCredential,
): Promise<Credential> {
  const found = await requireVisible(context, id, find);
  if (context.ownOnly && found.userId === null) {
    throw storedCredentialErrors.not_yours(
      "This is the organization's credential, and you may change your own only (scope credentials:write). Ask an operator.",
    );
  }
  return found;
}
