import { isUuid, newId } from '../../../kernel/ids.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AddressRules, readDestination } from '../../../platform/http-client/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { providerErrors } from '../errors.ts';
import { baseUrlOf, type KindConfig, type ProviderKind } from '../upstream/endpoints.ts';
import { assertKeyStays, type GivenKey, type KeyServices, keyColumns } from './keys.ts';
import { builtIns, type ListedModel, type Provider } from './model.ts';
import * as store from './store.ts';

export type CatalogueServices = KeyServices & {
  /** Which addresses an organization may name. */
  rules: AddressRules;
  replayIsOn: boolean;
  /** Drops what processes remember of the organization's providers, at the commit and everywhere. */
  providersChanged(tx: Tx): void;
};

/** What of a provider can be set. */
export type ProviderSettings = {
  displayName: string;
  baseUrl: string | null;
  defaultModel: string | null;
  models: readonly ListedModel[];
  config: KindConfig;
};
export type NewProvider = ProviderSettings & { name: string; kind: ProviderKind; key: GivenKey };
export type ProviderChange = Partial<ProviderSettings> & {
  id: string;
  expected: Expected;
  /** Null leaves it as it is. */
  key: GivenKey | null;
};
type Changed = { before: Provider; provider: Provider };

const WRITE = { scope: 'providers:write', rate: 'control' } as const;
const READ = { scope: 'providers:read', effect: 'read', rate: 'control', audit: null } as const;

export const catalogueOperations = (services: CatalogueServices) =>
  ({
    createProvider: createProvider(services),
    listProviders: listProviders(services),
    getProvider: getProvider(services),
    updateProvider: updateProvider(services),
    deleteProvider: deleteProvider(services),
    archiveProvider: archiveProvider(services),
    unarchiveProvider: unarchiveProvider(services),
  }) satisfies Record<string, AnyOperation>;

const createProvider = (services: CatalogueServices) =>
  operation({
    ...WRITE,
    name: 'providers.provider.create',
    summary: 'Add a provider of models, with the key that it knows the organization by.',
    effect: 'create',
    audit: {
      action: 'provider.created',
      target: (_input: NewProvider, provider: Provider) => targetOf(provider),
      detail: (_input, provider) => describe(provider),
    },
    async run(context, { key: given, ...input }): Promise<Provider> {
      if (builtIns('', true).some(({ name }) => name === input.name)) throw reserved();
      assertReachable(services, input);
      const of = { ...input, orgId: orgOf(context), id: newId() };
      const key = await keyColumns(services, context, { ...of, given });
      const provider = await store.insertProvider(context.tx, of, { key, createdBy: context.by.userId });
      services.providersChanged(context.tx);
      context.emit({
        type: 'provider.created',
        subject: provider.id,
        data: { name: provider.name, kind: provider.kind },
      });
      return provider;
    },
  });

const updateProvider = (services: CatalogueServices) =>
  operation({
    ...WRITE,
    name: 'providers.provider.update',
    summary: 'Change the settings or the key of a provider.',
    effect: 'create',
    audit: {
      action: 'provider.updated',
      target: (_input: ProviderChange, { provider }: Changed) => targetOf(provider),
      detail: ({ key }, { before, provider }) => ({
        before: describe(before),
        after: describe(provider),
        key_replaced: key !== null,
      }),
    },
    async run(context, { id, expected, key, ...settings }): Promise<Changed> {
      const before = await lockOwn(context, id);
      const given = takesNothingAway(key, before) ? null : key;
      assertExpected(expected, before.version);
      const wanted = { ...before, ...settings };
      assertReachable(services, wanted);
      assertKeyStays(before, wanted, given);
      // The key first: what the row says of it is read back with the rest.
      if (given !== null)
        store.setProviderKey(context.tx, before, await keyColumns(services, context, { ...before, given }));
      const provider = await store.updateProvider(context.tx, wanted);
      services.providersChanged(context.tx);
      context.emit({ type: 'provider.updated', subject: id, data: { name: provider.name } });
      return { before, provider };
    },
  });

const archiveProvider = (services: CatalogueServices) => archival(services, { to: 'archived', effect: 'wind_down' });
const unarchiveProvider = (services: CatalogueServices) => archival(services, { to: 'unarchived', effect: 'create' });

const archival = (
  services: CatalogueServices,
  { to, effect }: { to: 'archived' | 'unarchived'; effect: 'wind_down' | 'create' },
) =>
  operation({
    ...WRITE,
    name: to === 'archived' ? 'providers.provider.archive' : 'providers.provider.unarchive',
    summary:
      to === 'archived'
        ? 'Set a provider aside: no call goes to it any more.'
        : 'Take a provider that was set aside into use again.',
    effect,
    audit: {
      action: `provider.${to}`,
      target: (_input: { id: string }, provider: Provider) => targetOf(provider),
      detail: (_input, { name }) => ({ name }),
    },
    async run(context, { id }): Promise<Provider> {
      const before = await lockOwn(context, id);
      const archivedAt = to === 'archived' ? (before.archivedAt ?? new Date()) : null;
      const provider = await store.updateProvider(context.tx, { ...before, archivedAt });
      services.providersChanged(context.tx);
      context.emit({ type: `provider.${to}`, subject: id, data: { name: provider.name } });
      return provider;
    },
  });

const deleteProvider = (services: CatalogueServices) =>
  operation({
    ...WRITE,
    name: 'providers.provider.delete',
    summary: 'Remove a provider and its key. What was used of it stays in the records of usage.',
    effect: 'wind_down',
    audit: {
      action: 'provider.deleted',
      target: (_input: { id: string; expected: Expected }, provider: Provider) => targetOf(provider),
      detail: (_input, provider) => describe(provider),
    },
    async run(context, { id, expected }): Promise<Provider> {
      const provider = await lockOwn(context, id);
      assertExpected(expected, provider.version);
      await store.deleteProvider(context.tx, provider);
      services.providersChanged(context.tx);
      context.emit({ type: 'provider.deleted', subject: id, data: { name: provider.name } });
      return provider;
    },
  });

const listProviders = (services: CatalogueServices) =>
  operation({
    ...READ,
    name: 'providers.provider.list',
    summary: 'List the providers of the organization and those that are built in.',
    async run(context, input: { includeArchived: boolean }): Promise<Provider[]> {
      const own = await store.listProviders(context.tx, orgOf(context));
      const shown = input.includeArchived ? own : own.filter(({ archivedAt }) => archivedAt === null);
      return [...builtIns(orgOf(context), services.replayIsOn), ...shown];
    },
  });

const getProvider = (services: CatalogueServices) =>
  operation({
    ...READ,
    name: 'providers.provider.get',
    summary: 'Get the settings of a provider; never its key.',
    async run(context, { id }: { id: string }): Promise<Provider> {
      const builtIn = builtIns(orgOf(context), services.replayIsOn).find((each) => each.id === id);
      if (builtIn) return builtIn;
      const provider = isUuid(id) ? await store.findProvider(context.tx, orgOf(context), id) : null;
      if (!provider) throw noSuchProvider();
      return provider;
    },
  });

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Provider) => ({ type: 'provider', id });
const describe = ({ name, kind, baseUrl, credentialId, secret, defaultModel, models, config }: Provider) => ({
  name,
  kind,
  base_url: baseUrl,
  credential_id: credentialId,
  secret,
  default_model: defaultModel,
  models,
  config,
});

/** Who says that nothing of the vault is wanted, where nothing of it is used, means nothing by it. */
const takesNothingAway = (key: GivenKey | null, { credentialId, secret }: Provider): boolean =>
  key?.from === 'nowhere' && credentialId === null && secret === null;

const noSuchProvider = (): Error => providerErrors.not_found('There is no provider with this id.');
const reserved = (): Error => providerErrors.name_taken('This is the name of a built-in provider. Choose another.');

async function lockOwn(context: Context, id: string): Promise<Provider> {
  if (builtIns('', true).some((each) => each.id === id))
    throw providerErrors.built_in('This provider is built in: it cannot be changed or removed.');
  const provider = isUuid(id) ? await store.lockProvider(context.tx, orgOf(context), id) : null;
  if (!provider) throw noSuchProvider();
  return provider;
}

/** The address that calls will go to must be one that may be called; the guard on connections judges it again. */
function assertReachable({ rules }: CatalogueServices, of: Pick<Provider, 'kind' | 'baseUrl' | 'config'>): void {
  const address = baseUrlOf(of.kind as ProviderKind, of.baseUrl, of.config);
  if (of.baseUrl !== null) readDestination(address, { rules, field: 'base_url' });
}
