import type { Config } from '../config/config.ts';
import { insertLeaf } from '../modules/audit/index.ts';
import { DataKeys, type KeyChores, RootKeys, SecretReader, secretResealer } from '../modules/vault/index.ts';
import { MasterKeys, masterKeySources } from '../platform/crypto/master-keys.ts';
import type { Tx } from '../platform/db/index.ts';
import type { Log } from '../platform/log.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

export type VaultParts = {
  config: Config;
  /** On the system handle. */
  statements: Work;
  transaction: Work;
  wakeups: Wakeups;
  /** Raised when keys were replaced. */
  topic: string;
  log: Log;
};

/** The keys of the installation and what they open. */
export async function composeVault({ config, statements, transaction, wakeups, topic, log: base }: VaultParts) {
  const log = base.child({ subsystem: 'vault' });
  const masterKeys = await MasterKeys.load(
    masterKeySources({
      file: config.masterKeyFile,
      environment: config.masterKey,
      transit: transitOf(config),
      onCreated: (file) =>
        log.warn(
          { file },
          'a master key was made: keep a copy of it somewhere else, stored secrets are lost without it',
        ),
    }),
  );
  const roots = await RootKeys.load({ masterKeys, transaction, statements });
  wakeups.on(topic, () => {
    roots.reload().catch((error) => log.warn({ err: error }, 'the keys of the vault could not be read again'));
  });
  const dataKeys = new DataKeys({ roots, statements });
  const secrets = new SecretReader({
    dataKeys,
    used(tx, { id, orgId, name, version }, { actor, reason }) {
      insertLeaf(tx, {
        orgId,
        action: 'secret.used',
        outcome: 'allowed',
        actor,
        via: 'job',
        target: { type: 'secret', id },
        requestId: '',
        traceId: null,
        detail: { name, version, reason },
        personal: {},
      });
    },
  });
  const chores: KeyChores = { roots, dataKeys, resealers: [secretResealer(dataKeys)], transaction, log };
  return { masterKeys, roots, dataKeys, secrets, chores };
}

export type Vault = Awaited<ReturnType<typeof composeVault>>;

function transitOf({ masterKeyTransit: url, masterKeyTransitTokenFile: tokenFile }: Config) {
  if (url === null) return null;
  if (tokenFile === null)
    throw new Error('master_key_transit needs the file of its token: set ASSAY_MASTER_KEY_TRANSIT_TOKEN_FILE.');
  return { url, tokenFile };
}
