import { type ApiKeyId, isUuid, newId } from '../../../kernel/ids.ts';
import { type Context, operation } from '../../../platform/operation.ts';
import type { KeyTemplate } from '../../access/index.ts';
import { credentialErrors, keyErrors } from '../errors.ts';
import { assertFuture, assertNoWider, chooseAddresses, chooseScopes, chooseTemplate } from './bounds.ts';
import { orgOf, restrictionsOf } from './key-access.ts';
import { type ApiKey, describeKey, hashKey, newRawKey } from './model.ts';
import * as store from './store.ts';
import { scopesOfServiceAccount } from './store-grants.ts';

export type NewKeyRequest = {
  name: string;
  scopes: readonly string[] | null;
  template: KeyTemplate | null;
  expiresAt: Date | null;
  allowedAddresses?: readonly string[] | null;
  /** Act for this service account, and never beyond it. */
  serviceAccountId?: string | null;
  /** The organization as the body names it (fabric): it can only say what the request says anyway. */
  organizationId?: string | null;
};

/** A key with the secret that was made for it. */
export type IssuedKey = { key: ApiKey; rawKey: string };

const DEFAULT_TEMPLATE: KeyTemplate = 'submit_observe';

export const createKey = operation({
  name: 'identity.api_key.create',
  summary: 'Create an API key. The key itself is in this answer and nowhere else.',
  scope: 'apikeys:write',
  narrows: true,
  effect: 'create',
  rate: 'control',
  audit: {
    action: 'apikey.created',
    target: (_input: NewKeyRequest, { key }: IssuedKey) => ({ type: 'api_key', id: key.id }),
    detail: (_input, { key }) => describe(key),
  },
  async run(context, input) {
    if (input.organizationId && input.organizationId !== context.by.orgId) {
      throw credentialErrors.not_a_member(
        'The body names another organization than the request. Choose it with `X-Organization-Id`.',
      );
    }
    assertFuture(input.expiresAt);
    const { scopes, template } =
      input.scopes === null
        ? chooseTemplate(context.by, input.template ?? DEFAULT_TEMPLATE)
        : { scopes: chooseScopes(input.scopes, context.by.scopes), template: null };
    const serviceAccountId = input.serviceAccountId ?? null;
    if (serviceAccountId !== null)
      await assertServiceAccount(context, serviceAccountId, input.scopes === null ? [] : scopes);
    const parent = await restrictionsOf(context);
    const expiresAt = input.expiresAt ?? parent.expiresAt;
    const allowedAddresses = input.allowedAddresses
      ? chooseAddresses(input.allowedAddresses)
      : [...parent.allowedAddresses];
    assertNoWider(parent, { expiresAt, allowedAddresses });
    const rawKey = newRawKey();
    const key = await store.insertKey(context.tx, {
      id: newId() as ApiKeyId,
      orgId: orgOf(context),
      name: input.name,
      hash: hashKey(rawKey),
      ...describeKey(rawKey),
      template,
      scopes,
      createdBy: context.by.userId,
      expiresAt,
      allowedAddresses,
      serviceAccountId,
      isChecksummed: true,
    });
    context.emit({ type: 'apikey.created', subject: key.id, data: { name: key.name, scopes } });
    return { key, rawKey };
  },
});

/** What of a key is audited. */
export const describe = (key: ApiKey): Record<string, unknown> => ({
  name: key.name,
  scopes: key.scopes,
  permission_set: key.template,
  expires_at: key.expiresAt,
  allowed_addresses: key.allowedAddresses,
  service_account_id: key.serviceAccountId,
});

async function assertServiceAccount(context: Context, id: string, scopes: readonly string[]): Promise<void> {
  const held = isUuid(id) ? await scopesOfServiceAccount(context.tx, orgOf(context), id) : null;
  if (held === null) {
    throw keyErrors.service_account_unknown('There is no service account with this id, or it is disabled.', {
      faults: [{ field: 'service_account_id', constraint: 'known', message: 'Give the id of a service account.' }],
    });
  }
  chooseScopes(scopes, held, 'The service account lacks');
}
