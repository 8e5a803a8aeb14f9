import type { Config } from '../config/config.ts';
import { assetResealer } from '../modules/assets/index.ts';
import { insertLeaf } from '../modules/audit/index.ts';
import { captureResealer } from '../modules/captures/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import { cachedAnswerResealer, providerKeyResealer } from '../modules/providers/index.ts';
import {
  Credentials,
  credentialResealers,
  DataKeys,
  IssuerClient,
  type KeyChores,
  Minter,
  RootKeys,
  SecretReader,
  secretResealer,
} from '../modules/vault/index.ts';
import { webhookSecretResealer } from '../modules/webhooks/index.ts';
import { MasterKeys, masterKeySources } from '../platform/crypto/master-keys.ts';
import type { Database, Tx } from '../platform/db/index.ts';
import type { HttpClient } from '../platform/http-client/index.ts';
import type { Log } from '../platform/log.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

export type VaultParts = {
  config: Config;
  /** One organization at a time. */
  database: Database;
  /** On the system handle. */
  statements: Work;
  transaction: Work;
  wakeups: Wakeups;
  /** Raised when keys were replaced. */
  topic: string;
  /** For addresses that organizations choose. */
  http: HttpClient;
  told(): void;
  log: Log;
};

/** What a leaf says of an act that no request asked for. */
const BY_ITSELF = {
  outcome: 'allowed' as const,
  actor: { kind: 'system', id: 'vault' },
  via: 'job',
  requestId: '',
  traceId: null,
  personal: {},
};

/** The keys of the installation and what they open. */
export async function composeVault(parts: VaultParts) {
  const { config, database, statements, transaction, wakeups, topic, http, told, log: base } = parts;
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
      const target = { type: 'secret', id };
      insertLeaf(tx, { ...BY_ITSELF, orgId, action: 'secret.used', actor, target, detail: { name, version, reason } });
    },
  });
  const issuers = new IssuerClient(http);
  const inOrganization = {
    statements: <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => database.statements({ orgId }, work),
    transaction: <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => database.transaction({ orgId }, work),
  };
  const minter = new Minter({
    dataKeys,
    issuers,
    ...inOrganization,
    recorded(tx, { orgId, id, name, kind, status }, { action, outcome }) {
      const target = { type: 'credential', id };
      insertLeaf(tx, { ...BY_ITSELF, orgId, action, target, detail: { name, kind, status, outcome } });
      insertEvent(tx, orgId, { type: action, subject: id, data: { name, status } });
      tx.onCommit(told);
    },
  });
  const credentials = new Credentials({ minter, statements: inOrganization.statements });
  const resealers = [
    secretResealer(dataKeys),
    ...credentialResealers(dataKeys),
    providerKeyResealer(dataKeys),
    webhookSecretResealer(dataKeys),
    captureResealer(dataKeys),
    cachedAnswerResealer,
    assetResealer(dataKeys),
  ];
  const chores: KeyChores = { roots, dataKeys, resealers, transaction, log };
  return { masterKeys, roots, dataKeys, secrets, issuers, minter, credentials, http, chores };
}

export type Vault = Awaited<ReturnType<typeof composeVault>>;

function transitOf({ masterKeyTransit: url, masterKeyTransitTokenFile: tokenFile }: Config) {
  if (url === null) return null;
  if (tokenFile === null)
    throw new Error('master_key_transit needs the file of its token: set ASSAY_MASTER_KEY_TRANSIT_TOKEN_FILE.');
  return { url, tokenFile };
}
