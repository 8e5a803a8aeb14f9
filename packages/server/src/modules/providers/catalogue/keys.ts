import type { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Context } from '../../../platform/operation.ts';
import type { Credentials, DataKeys, Place, SecretReader } from '../../vault/index.ts';
import { providerErrors } from '../errors.ts';
import { baseUrlOf, type ProviderKind } from '../upstream/endpoints.ts';
import type { Provider } from './model.ts';

/** What lets calls in, as whoever sets a provider up says it: a key of its own, or something in the vault. */
export type GivenKey =
  | { from: 'caller'; apiKey: Sensitive<string> }
  | { from: 'credential'; id: string }
  | { from: 'secret'; name: string }
  | { from: 'nowhere' };

/** How a row keeps that. */
export type KeyColumns = {
  sealed: { keyVersion: number; bytes: Buffer } | null;
  /** The last characters, to tell keys apart. */
  hint: string | null;
  credentialId: string | null;
  secret: string | null;
};

export type KeyServices = {
  dataKeys: DataKeys;
  credentials: Pick<Credentials, 'find'>;
  secrets: Pick<SecretReader, 'find'>;
};

const NONE: KeyColumns = { sealed: null, hint: null, credentialId: null, secret: null };
const HINT_CHARACTERS = 4;

/** Where the key of a provider lies. There is one at a time: a new one takes the old one's place. */
export const keyPlace = (orgId: string, id: string): Place => ({ orgId, purpose: 'provider_keys', id, version: 1 });

/**
 * Makes what a row keeps of a key that was given.
 * @throws AppError when the vault does not have it, or has it for one person, or the caller could not read it themselves
 */
export async function keyColumns(
  services: KeyServices,
  context: Pick<Context, 'tx' | 'by'>,
  { orgId, id, given }: { orgId: string; id: string; given: GivenKey },
): Promise<KeyColumns> {
  switch (given.from) {
    case 'nowhere':
      return NONE;
    case 'caller': {
      const key = given.apiKey.reveal();
      const sealed = await services.dataKeys.seal(keyPlace(orgId, id), Buffer.from(key));
      return { ...NONE, sealed, hint: key.slice(-HINT_CHARACTERS) };
    }
    case 'credential':
      assertHolds(context, 'credentials:write');
      await assertShared(services, context.tx, { orgId, id: given.id });
      return { ...NONE, credentialId: given.id };
    case 'secret':
      assertHolds(context, 'secrets:write');
      if ((await services.secrets.find(context.tx, { orgId, name: given.name })) === null)
        throw unknown('secret', 'There is no secret of this name.');
      return { ...NONE, secret: given.name };
  }
}

/** Whoever says where calls go could send the vault's content anywhere: only who may replace it may do that. */
function assertHolds({ by }: Pick<Context, 'by'>, scope: string): void {
  if (by.scopes.has(scope)) return;
  throw providerErrors.key_not_yours(
    `To let a provider in with what lies in the vault you need the scope ${scope}. Ask an operator.`,
  );
}

async function assertShared(
  { credentials }: KeyServices,
  tx: Tx,
  { orgId, id }: { orgId: string; id: string },
): Promise<void> {
  const credential = await credentials.find(tx, orgId, id);
  if (!credential || credential.status === 'revoked')
    throw unknown('credential_id', 'There is no credential with this id, or it was revoked.');
  if (credential.userId !== null)
    throw unknown('credential_id', "A provider takes a credential of the organization's, and this one is a person's.");
}

const unknown = (field: string, message: string): Error =>
  providerErrors.key_unknown(message, { faults: [{ field, constraint: 'exists', message }] });

/**
 * A key was given for one address: it goes to no other until somebody gives it again.
 * @throws AppError `invalid` when the address changes and no key came along
 */
export function assertKeyStays(before: Provider, wanted: Provider, given: GivenKey | null): void {
  const hasKey = before.keyHint !== null || before.credentialId !== null || before.secret !== null;
  if (given !== null || !hasKey || before.baseUrl === wanted.baseUrl) return;
  if (originOf(before) === originOf(wanted)) return;
  const message = 'The key was given for another address. Give it again, with the new address.';
  throw providerErrors.key_needed(message, { faults: [{ field: 'api_key', constraint: 'required', message }] });
}

const originOf = ({ kind, baseUrl, config }: Provider): string =>
  new URL(baseUrlOf(kind as ProviderKind, baseUrl, config)).origin;
