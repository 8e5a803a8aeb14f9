import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type AuditedAct, type Call, operation } from '../../../platform/operation.ts';
import { vaultErrors } from '../errors.ts';
import type { DataKeys } from './data-keys.ts';
import type { DataKeyName, KeyStatus } from './model.ts';
import type { RootKeyServices, RootKeys } from './root-keys.ts';
import * as store from './store.ts';

export type KeyServices = Pick<RootKeyServices, 'masterKeys' | 'statements'> & {
  roots: RootKeys;
  dataKeys: DataKeys;
  /** Writes the leaf of an act on the installation itself. */
  auditInstallation(tx: Tx, call: Call, act: AuditedAct): void;
  /** Other processes read the keys again, once the transaction has committed. */
  keysChanged(tx: Tx): void;
};

export const encryptionKeyOperations = (services: KeyServices) =>
  ({
    getKeyStatus: getKeyStatus(services),
    rotateMasterKey: rotateMasterKey(services),
    rotateDataKeys: rotateDataKeys(services),
  }) satisfies Record<string, AnyOperation>;

const getKeyStatus = (services: KeyServices) =>
  operation({
    name: 'vault.encryption_key.get',
    summary: 'Show which master key is in use, which ones are still needed, and how far a rotation is.',
    scope: 'platform',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (): Promise<KeyStatus> => statusOf(services),
  });

const rotateMasterKey = (services: KeyServices) =>
  operation({
    name: 'vault.encryption_key.rotate_master',
    summary: 'Move the installation to the first master key that the server has, or to a new one that it makes.',
    scope: 'platform',
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'none',
    async run({ call }, input: { generate: boolean }): Promise<KeyStatus> {
      const { masterKeys, roots } = services;
      await masterKeys.reload();
      const before = roots.masterKeyId;
      if (input.generate) await makeKey(services);
      else assertAnother(services);
      await roots.rotate((tx, made) => {
        const detail = { before: { master_key: before }, after: { master_key: made.masterKeyId, root: made.version } };
        services.auditInstallation(tx, call, {
          action: 'masterkey.rotated',
          target: { type: 'master_key', id: made.masterKeyId },
          detail,
          personal: {},
        });
        services.keysChanged(tx);
      });
      return statusOf(services);
    },
  });

const rotateDataKeys = ({ dataKeys }: KeyServices) =>
  operation({
    name: 'vault.encryption_key.rotate',
    summary: 'Give the organization new data keys: what is written from now on is sealed with them, the rest follows.',
    scope: 'secrets:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'datakeys.rotated',
      detail: (_input: undefined, made: readonly DataKeyName[]) => ({
        versions: Object.fromEntries(made.map(({ purpose, version }) => [purpose, version])),
      }),
    },
    run: ({ by }): Promise<DataKeyName[]> => dataKeys.rotate(String(by.orgId)),
  });

async function makeKey({ masterKeys }: KeyServices): Promise<void> {
  if (!masterKeys.canGenerate) {
    throw vaultErrors.not_here(
      'Master keys of this installation are not kept in a file of the server, so it cannot make one. Make it where they are kept, put it in front, and rotate without `generate`.',
    );
  }
  await masterKeys.generate();
}

/** A key of an engine outside may be the same by name and new inside; one of ours must be another. */
function assertAnother({ masterKeys, roots }: KeyServices): void {
  const { id } = masterKeys.current;
  if (id !== roots.masterKeyId || !id.startsWith('local:')) return;
  throw vaultErrors.in_use(
    'The first master key of this server is the one in use. Put a new one in front of it on every server, or let this one make it with `generate`.',
  );
}

async function statusOf({ masterKeys, roots, statements }: KeyServices): Promise<KeyStatus> {
  await roots.reload();
  const { version } = roots.newest;
  return {
    masterKeyId: roots.masterKeyId,
    availableIds: masterKeys.ids,
    rootVersion: version,
    pending: await statements((tx) => store.countPending(tx, version)),
    neededIds: await statements(store.listNeededMasterKeys),
  };
}
