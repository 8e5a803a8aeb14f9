import type { DataKeys } from '../keys/data-keys.ts';
import type { Resealer } from '../keys/jobs.ts';
import { credentialPlace, tokenPlace } from './model.ts';
import * as store from './store.ts';
import * as tokens from './store-tokens.ts';

export { deleteRevokedCredentials } from './store.ts';
export { deleteExpiredTokens } from './store-tokens.ts';

/** Seals credentials and the tokens minted with them anew. */
export const credentialResealers = (dataKeys: DataKeys): Resealer[] => [
  {
    purpose: 'credentials',
    async reseal(tx, { orgId, version: keyVersion }, limit) {
      const found = await store.lockCredentialsBefore(tx, orgId, { keyVersion, limit });
      for (const credential of found) {
        if (!credential.sealed) continue;
        const place = credentialPlace(credential, credential.sealedVersion);
        const plain = await dataKeys.open(place, credential.sealed);
        store.resealCredential(tx, credential, await dataKeys.seal(place, plain));
      }
      return found.length;
    },
  },
  {
    purpose: 'minted_tokens',
    async reseal(tx, { orgId, version: keyVersion }, limit) {
      const found = await tokens.lockTokensBefore(tx, orgId, { keyVersion, limit });
      for (const token of found) {
        const place = tokenPlace(token, token.version);
        const plain = await dataKeys.open(place, token.sealed);
        tokens.resealToken(tx, token, await dataKeys.seal(place, plain));
      }
      return found.length;
    },
  },
];
