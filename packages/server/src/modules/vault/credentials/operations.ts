import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import type { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AddressRules, readDestination } from '../../../platform/http-client/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { storedCredentialErrors } from '../errors.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { orgOf, requireOwn, requireVisible, visibleTo } from './access.ts';
import {
  type ConfigField,
  type Credential,
  type CredentialConfig,
  type CredentialKind,
  type CredentialSecret,
  credentialPlace,
} from './model.ts';
import { faultsOf } from './rules.ts';
import * as store from './store.ts';
import { deleteTokensOf } from './store-tokens.ts';

export type CredentialServices = {
  dataKeys: DataKeys;
  rules: AddressRules;
  /** Drops what processes remember of credentials, at the commit and everywhere. */
  valuesChanged(tx: Tx): void;
};

export type NewCredential = {
  name: string;
  kind: CredentialKind;
  provider: string | null;
  /** Of the caller alone; else the organization's. */
  isPersonal: boolean;
  allowUserOverride: boolean;
  scopes: readonly string[];
  config: CredentialConfig;
  secret: Sensitive<CredentialSecret>;
};

const READ = { scope: 'credentials:read', narrows: true, effect: 'read', rate: 'control', audit: null } as const;
const WRITE = { scope: 'credentials:write', narrows: true, rate: 'control' } as const;

export const credentialOperations = (services: CredentialServices) =>
  ({
    createCredential: createCredential(services),
    listCredentials,
    getCredential,
    revokeCredential: revokeCredential(services),
  }) satisfies Record<string, AnyOperation>;

const createCredential = (services: CredentialServices) =>
  operation({
    ...WRITE,
    name: 'vault.credential.create',
    summary: 'Add a credential, of the organization or your own. Its secrets go in and do not come out.',
    effect: 'create',
    audit: {
      action: 'credential.created',
      target: (_input: NewCredential, credential: Credential) => targetOf(credential),
      detail: (_input, credential) => describe(credential),
    },
    async run(context, input): Promise<Credential> {
      const userId = ownerOf(context, input);
      const secret = input.secret.reveal();
      assertUsable(services, input, secret);
      const { name, kind, provider, allowUserOverride, scopes, config } = input;
      const place = { orgId: orgOf(context), id: newId() };
      const sealed = await services.dataKeys.seal(credentialPlace(place, 1), Buffer.from(JSON.stringify(secret)));
      const credential = await store.insertCredential(context.tx, {
        ...place,
        name,
        kind,
        provider,
        userId,
        // A person has yet to go to its issuer and come back.
        status: kind === 'oauth2_authorization_code' ? 'needs_reauth' : 'active',
        allowUserOverride,
        scopes,
        config,
        createdBy: context.by.userId,
        sealed,
      });
      context.emit({ type: 'credential.created', subject: credential.id, data: { name, kind } });
      return credential;
    },
  });

const listCredentials = operation({
  ...READ,
  name: 'vault.credential.list',
  summary: 'List credentials and how they stand; never their secrets.',
  async run(context, input: { limit: number; cursor: string | null }): Promise<Page<Credential>> {
    const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
    const page = { after, limit: input.limit + 1, visibleTo: visibleTo(context) };
    const found = await store.listCredentials(context.tx, orgOf(context), page);
    const items = found.slice(0, input.limit);
    const last = items[items.length - 1];
    return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.id]) : null };
  },
});

const getCredential = operation({
  ...READ,
  name: 'vault.credential.get',
  summary: 'Get what is known of a credential; never its secrets.',
  run: (context, input: { id: string }): Promise<Credential> => requireVisible(context, input.id),
});

const revokeCredential = (services: CredentialServices) =>
  operation({
    ...WRITE,
    name: 'vault.credential.revoke',
    summary: 'End a credential at once, and throw away what is secret of it.',
    effect: 'wind_down',
    audit: {
      action: 'credential.revoked',
      target: (_input: { id: string }, credential: Credential) => targetOf(credential),
      detail: (_input, credential) => describe(credential),
    },
    async run(context, input): Promise<Credential> {
      const before = await requireOwn(context, input.id, store.lockCredential);
      if (before.status === 'revoked') return before;
      await deleteTokensOf(context.tx, { orgId: before.orgId, credentialId: before.id });
      const credential = await store.revokeCredential(context.tx, before);
      services.valuesChanged(context.tx);
      context.emit({ type: 'credential.revoked', subject: credential.id, data: { name: credential.name } });
      return credential;
    },
  });

const targetOf = ({ id }: Credential) => ({ type: 'credential', id });

/** What of a credential is audited: how it is used, and nothing that is secret. */
export const describe = (credential: Credential) => ({
  name: credential.name,
  kind: credential.kind,
  provider: credential.provider,
  user_id: credential.userId,
  status: credential.status,
  scopes: credential.scopes,
  allow_user_override: credential.allowUserOverride,
  provider_config: credential.config,
});

function ownerOf({ by, ownOnly }: Pick<Context, 'by' | 'ownOnly'>, { isPersonal }: NewCredential): string | null {
  if (!isPersonal && ownOnly) {
    throw storedCredentialErrors.not_yours(
      "You may add credentials of your own only: say `personal: true`. The organization's need the scope credentials:write.",
    );
  }
  if (!isPersonal) return null;
  if (by.userId !== null) return by.userId;
  throw storedCredentialErrors.no_person('There is no person behind this key whose credential it could be.');
}

const ADDRESSES: readonly ConfigField[] = ['issuer', 'authorization_endpoint', 'token_endpoint'];

function assertUsable({ rules }: CredentialServices, input: NewCredential, secret: CredentialSecret): void {
  const faults = faultsOf(input.kind, input.config, secret);
  if (input.isPersonal && input.allowUserOverride) {
    const message = "Only the organization's credentials can be overridden.";
    faults.push({ field: 'allow_user_override', constraint: 'shared', message });
  }
  if (faults.length > 0) {
    const said = faults.map(({ field, message }) => `${field}: ${message}`).join(' ');
    throw storedCredentialErrors.config_invalid(`This cannot be a credential of the kind ${input.kind}. ${said}`, {
      faults,
    });
  }
  for (const field of ADDRESSES) {
    const address = input.config[field];
    if (address !== undefined) readDestination(address, { rules, field: `provider_config.${field}` });
  }
}
