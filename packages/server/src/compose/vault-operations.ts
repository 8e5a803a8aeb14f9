import { INSTALLATION, insertLeaf } from '../modules/audit/index.ts';
import { encryptionKeyOperations, secretOperations } from '../modules/vault/index.ts';
import { type Core, TOPICS } from './core.ts';
import { leafOf } from './governance.ts';
import type { Vault } from './vault.ts';

/** The operations of the vault; listed without a core they are only looked at. */
export function vaultOperations({ vault = {} as Vault, systemStatements: statements, wakeups, told }: Core) {
  const { masterKeys, roots, dataKeys } = vault;
  return {
    ...secretOperations({ dataKeys }),
    ...encryptionKeyOperations({
      masterKeys,
      roots,
      dataKeys,
      statements,
      auditInstallation(tx, call, act) {
        const leaf = leafOf(call);
        const personal = { ...leaf.personal, ...act.personal };
        insertLeaf(tx, { ...leaf, ...act, orgId: INSTALLATION, personal, outcome: 'allowed' });
        tx.onCommit(told);
      },
      keysChanged: (tx) => wakeups.raiseWith(tx, TOPICS.vaultKeys),
    }),
  };
}
