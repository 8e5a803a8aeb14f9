import { type ApiKeyId, newId, type OrganizationId, type UserId } from '../../kernel/ids.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import type { Tx } from '../../platform/db/index.ts';
import { KEY_TEMPLATES } from '../access/index.ts';
import { insertFirstOrganization, isEmpty, lockFirstStart } from '../tenancy/index.ts';
import { describeKey, hashKey, isAcceptableBootstrapKey, isWellFormed, newRawKey } from './keys/model.ts';
import { insertKey } from './keys/store.ts';
import { hashPassword, newOneTimePassword } from './login/passwords.ts';
import { grantPlatform } from './platform/store.ts';

export type BootstrapOptions = {
  ownerEmail: string;
  /** Given by configuration, or null: then they are made up and shown once. */
  ownerPassword: Sensitive<string> | null;
  apiKey: Sensitive<string> | null;
};

/** What a first start made. `password` and `rawKey` are null where configuration gave them. */
export type Bootstrap = {
  orgId: string;
  ownerEmail: string;
  password: Sensitive<string> | null;
  rawKey: Sensitive<string> | null;
};

/**
 * Creates the first organization with its owner and one full-access key, who govern the installation, once: a database that has an organization is
 * left alone, and of two processes that start together one does it.
 * @throws Error when a configured key has not the form of one
 */
export async function bootstrap(tx: Tx, options: BootstrapOptions): Promise<Bootstrap | null> {
  await lockFirstStart(tx);
  if (!(await isEmpty(tx))) return null;
  const rawKey = options.apiKey?.reveal() ?? newRawKey();
  if (!isAcceptableBootstrapKey(rawKey)) {
    throw new Error('ASSAY_BOOTSTRAP_API_KEY must be `sk_` and 20 to 200 characters of 0-9 A-Z a-z _ -.');
  }
  const password = options.ownerPassword?.reveal() ?? newOneTimePassword();
  const orgId = newId() as OrganizationId;
  const owner = { id: newId() as UserId, email: options.ownerEmail.toLowerCase(), name: 'Owner', disabledAt: null };
  insertFirstOrganization(
    tx,
    { id: orgId, name: 'Default', slug: 'default' },
    { ...owner, passwordHash: await hashPassword(password) },
  );
  const key = await insertKey(tx, {
    id: newId() as ApiKeyId,
    orgId,
    name: 'First key',
    hash: hashKey(rawKey),
    ...describeKey(rawKey),
    template: 'full_access',
    scopes: KEY_TEMPLATES.full_access,
    createdBy: owner.id,
    expiresAt: null,
    isChecksummed: isWellFormed(rawKey),
  });
  grantPlatform(tx, { kind: 'user', id: owner.id }, 'first start');
  grantPlatform(tx, { kind: 'api_key', id: key.id }, 'first start');
  return {
    orgId,
    ownerEmail: owner.email,
    password: options.ownerPassword === null ? new Sensitive(password) : null,
    rawKey: options.apiKey === null ? new Sensitive(rawKey) : null,
  };
}
