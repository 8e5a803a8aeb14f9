import { INSTALLATION, insertLeaf } from '../modules/audit/index.ts';
import { insertEvent } from '../modules/events/index.ts';
import { findMembership } from '../modules/tenancy/index.ts';
import {
  credentialOperations,
  encryptionKeyOperations,
  oauthOperations,
  secretOperations,
} from '../modules/vault/index.ts';
import type { Tx } from '../platform/db/index.ts';
import type { AuditedAct, Call } from '../platform/operation.ts';
import { type Core, TOPICS } from './core.ts';
import { leafOfAct } from './governance.ts';
import type { Vault } from './vault.ts';

/** The operations of the vault; listed without a core they are only looked at. */
export function vaultOperations(core: Core) {
  const { vault = {} as Vault, database, systemStatements: statements, systemTransaction, wakeups, told } = core;
  const { masterKeys, roots, dataKeys, minter, issuers, http } = vault;
  const audit = (tx: Tx, { call, orgId }: { call: Call; orgId: string }, act: AuditedAct): void => {
    insertLeaf(tx, leafOfAct(call, act, { orgId }));
    tx.onCommit(told);
  };
  // Providers remember what they are let in with.
  const valuesChanged = (tx: Tx): void => wakeups.raiseWith(tx, TOPICS.providers);
  return {
    ...secretOperations({ dataKeys, valuesChanged }),
    ...credentialOperations({ dataKeys, rules: http?.rules, valuesChanged }),
    ...oauthOperations({
      dataKeys,
      minter,
      issuers,
      statements: (orgId, work) => database.statements({ orgId }, work),
      transaction: (orgId, work) => database.transaction({ orgId }, work),
      systemTransaction,
      isMember: async (orgId, userId) => (await statements((tx) => findMembership(tx, userId, orgId))) !== null,
      audit,
      emit(tx, orgId, event) {
        insertEvent(tx, orgId, event);
        tx.onCommit(told);
      },
    }),
    ...encryptionKeyOperations({
      masterKeys,
      roots,
      dataKeys,
      statements,
      auditInstallation: (tx, call, act) => audit(tx, { call, orgId: INSTALLATION }, act),
      keysChanged: (tx) => wakeups.raiseWith(tx, TOPICS.vaultKeys),
    }),
  };
}
