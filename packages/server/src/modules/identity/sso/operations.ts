import { randomBytes } from 'node:crypto';
import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AddressRules, readDestination } from '../../../platform/http-client/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { ssoErrors } from '../errors.ts';
import type { FederatedRole, IdentityProvider } from './model.ts';
import type { ProviderSecrets } from './provider-secrets.ts';
import * as store from './store.ts';

export type ProviderOperationsOptions = {
  secrets: ProviderSecrets;
  rules: AddressRules;
};

export type ProviderFields = {
  name: string;
  issuer: string;
  clientId: string;
  scopes: readonly string[];
  roleClaim: string | null;
  roleMapping: Readonly<Record<string, FederatedRole>>;
  defaultRole: FederatedRole | null;
  createsMembers: boolean;
  domains: readonly string[];
};

/** `undefined` leaves a field as it is; a secret of `null` takes it away. */
export type ProviderChange = { [Field in keyof ProviderFields]?: ProviderFields[Field] | undefined } & {
  id: string;
  expected: Expected;
  clientSecret?: string | null | undefined;
  isDisabled?: boolean | undefined;
};

export type Changed = { before: IdentityProvider; after: IdentityProvider };

const orgOf = (context: Context): string => String(context.by.orgId);

/** Operations on the issuers that an organization trusts. Whoever sets one decides who its people are: a scope of owners. */
export const providerOperations = (options: ProviderOperationsOptions) => ({
  ...readOperations(),
  ...writeOperations(options),
});

function readOperations() {
  const listProviders = operation({
    name: 'identity.provider.list',
    summary: 'List where people of the organization sign in, without secrets.',
    scope: 'organizations:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    async run(context, input: { limit: number; cursor: string | null }): Promise<Page<IdentityProvider>> {
      const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
      const found = await store.listProviders(context.tx, orgOf(context), { after, limit: input.limit + 1 });
      const items = found.slice(0, input.limit);
      const last = items.at(-1);
      return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.id]) : null };
    },
  });

  const getProvider = operation({
    name: 'identity.provider.get',
    summary: 'Get what is set of one identity provider, without its secret.',
    scope: 'organizations:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    async run(context, input: { id: string }): Promise<IdentityProvider> {
      const found = isUuid(input.id) ? await store.findProvider(context.tx, orgOf(context), input.id) : null;
      return existing(found);
    },
  });

  return { listIdentityProviders: listProviders, getIdentityProvider: getProvider } satisfies Record<
    string,
    AnyOperation
  >;
}

function writeOperations({ secrets, rules }: ProviderOperationsOptions) {
  const createProvider = operation({
    name: 'identity.provider.create',
    summary:
      'Let people of the organization sign in at an issuer (OpenID Connect). Its domains are to be verified first.',
    scope: 'sso:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'identity_provider.created',
      target: (_input: ProviderFields & { clientSecret: string | null }, made: IdentityProvider) => targetOf(made),
      detail: (_input, made) => ({ after: shown(made) }),
    },
    async run(context, input) {
      const provider = { ...input, id: newId(), orgId: orgOf(context), issuer: issuerFrom(input.issuer, rules) };
      store.insertProvider(context.tx, provider, secrets.seal(provider.id, input.clientSecret));
      store.setDomains(context.tx, provider, input.domains.map(claimed));
      return existing(await store.findProvider(context.tx, provider.orgId, provider.id));
    },
  });

  const updateProvider = operation({
    name: 'identity.provider.update',
    summary: 'Change an identity provider. Domains that are left out are given up, new ones are to be verified.',
    scope: 'sso:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'identity_provider.updated',
      target: (_input: ProviderChange, { after }: Changed) => targetOf(after),
      detail: (input, { before, after }) => ({
        before: shown(before),
        after: shown(after),
        secret_changed: input.clientSecret !== undefined,
      }),
    },
    async run(context, input): Promise<Changed> {
      const before = await lock(context.tx, orgOf(context), input.id);
      assertExpected(input.expected, before.version);
      const { id: _id, expected: _expected, clientSecret, isDisabled, domains, ...fields } = input;
      const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
      const next: IdentityProvider = { ...before, ...said };
      const issuer = issuerFrom(next.issuer, rules);
      store.updateProvider(context.tx, { ...next, issuer, isDisabled: isDisabled ?? before.disabledAt !== null });
      if (clientSecret !== undefined) {
        store.setProviderSecret(context.tx, before, secrets.seal(before.id, clientSecret));
      }
      if (domains !== undefined) store.setDomains(context.tx, before, domains.map(claimed));
      return { before, after: existing(await store.findProvider(context.tx, before.orgId, before.id)) };
    },
  });

  const deleteProvider = operation({
    name: 'identity.provider.delete',
    summary: 'Stop people from signing in at an issuer. Those who are signed in stay so.',
    scope: 'sso:write',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'identity_provider.deleted',
      target: (_input: { id: string }, gone: IdentityProvider) => targetOf(gone),
      detail: (_input, gone) => ({ before: shown(gone) }),
    },
    async run(context, input) {
      const gone = await lock(context.tx, orgOf(context), input.id);
      await store.removeProvider(context.tx, gone.orgId, gone.id);
      return gone;
    },
  });

  return {
    createIdentityProvider: createProvider,
    updateIdentityProvider: updateProvider,
    deleteIdentityProvider: deleteProvider,
  } satisfies Record<string, AnyOperation>;
}

async function lock(tx: Tx, orgId: string, id: string): Promise<IdentityProvider> {
  return existing(isUuid(id) ? await store.lockProvider(tx, orgId, id) : null);
}

/** @throws AppError `not_found` */
export function existing(found: IdentityProvider | null): IdentityProvider {
  if (found === null) throw ssoErrors.not_found('There is no identity provider with this id.');
  return found;
}

const issuerFrom = (text: string, rules: AddressRules): string => {
  const url = readDestination(text, { rules, field: 'issuer' });
  // As the issuer writes it: what it puts into its tokens is compared character by character.
  return url.pathname === '/' && !text.endsWith('/') ? url.origin : url.href;
};

const claimed = (domain: string): { domain: string; proof: string } => ({
  domain: domain.toLowerCase(),
  proof: randomBytes(20).toString('hex'),
});

const targetOf = ({ id }: IdentityProvider) => ({ type: 'identity_provider', id });

/** What the audit log keeps of a provider. */
const shown = (provider: IdentityProvider): Record<string, unknown> => ({
  name: provider.name,
  issuer: provider.issuer,
  client_id: provider.clientId,
  scopes: provider.scopes,
  role_claim: provider.roleClaim,
  role_mapping: provider.roleMapping,
  default_role: provider.defaultRole,
  creates_members: provider.createsMembers,
  domains: provider.domains.map(({ domain, verifiedAt }) => ({ domain, is_verified: verifiedAt !== null })),
  is_disabled: provider.disabledAt !== null,
});
