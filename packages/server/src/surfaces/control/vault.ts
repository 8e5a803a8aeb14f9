import type {
  credentialOperations,
  encryptionKeyOperations,
  oauthOperations,
  secretOperations,
} from '../../modules/vault/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { serveCredentials } from './credentials.ts';
import { serveEncryptionKeys } from './encryption-keys.ts';
import { serveSecrets } from './secrets.ts';

export type VaultOperations = ReturnType<typeof secretOperations> &
  ReturnType<typeof credentialOperations> &
  ReturnType<typeof oauthOperations> &
  ReturnType<typeof encryptionKeyOperations>;

/** What the vault keeps. */
export function serveVault(surface: Surface, kit: HttpKit, of: VaultOperations): void {
  serveSecrets(surface, kit, of);
  serveCredentials(surface, kit, of);
  serveEncryptionKeys(surface, kit, of);
}
