import { hkdfSync } from 'node:crypto';
import type { MasterKey } from '../../../platform/crypto/master-key.ts';
import { open, seal } from '../../../platform/crypto/sealed.ts';

/** Seals what identity providers and sign-ins at them must not show. */
export class ProviderSecrets {
  readonly #key: Buffer;

  constructor(masterKey: MasterKey) {
    this.#key = Buffer.from(hkdfSync('sha256', masterKey.reveal(), '', 'identity provider secrets', 32));
  }

  /** Seals a secret of the thing of this id; null stays null. */
  seal<Secret extends string | null>(id: string, secret: Secret): Secret extends null ? Buffer | null : Buffer {
    const sealed = secret === null ? null : seal(this.#key, Buffer.from(secret), contextOf(id));
    return sealed as Secret extends null ? Buffer | null : Buffer;
  }

  open(id: string, sealed: Buffer | null): string | null {
    return sealed === null ? null : open(this.#key, sealed, contextOf(id)).toString();
  }
}

const contextOf = (id: string): string => `identity_provider:${id}`;
