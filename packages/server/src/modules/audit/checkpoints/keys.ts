import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { newId } from '../../../kernel/ids.ts';
import type { MasterKey } from '../../../platform/crypto/master-key.ts';
import { open, seal } from '../../../platform/crypto/sealed.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { CheckpointKey } from './model.ts';
import * as store from './store.ts';

/** The key that signs checkpoints, sealed in the database under the master key. */
export class CheckpointKeys {
  readonly #masterKey: MasterKey;
  #opened: CheckpointKey | null = null;

  constructor(masterKey: MasterKey) {
    this.#masterKey = masterKey;
  }

  /**
   * The key that is active in this transaction, made if there is none. Asked anew each time, so that a rotation by any
   * process holds from the next checkpoint on.
   * @throws Error when the database belongs to another master key
   */
  async active(tx: Tx): Promise<CheckpointKey> {
    let stored = await store.findActiveKey(tx);
    if (!stored) {
      await this.#make(tx);
      stored = await store.findActiveKey(tx);
    }
    if (!stored) throw new Error('No key for checkpoints could be made.');
    if (this.#opened?.id === stored.id) return this.#opened;
    const der = open(this.#masterKey.reveal(), stored.sealedPrivate, contextOf(stored.id));
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    this.#opened = { id: stored.id, privateKey, publicKey: stored.publicKey };
    return this.#opened;
  }

  /** Retires the active key for a new one; gives both ids. */
  async rotate(tx: Tx): Promise<{ retired: string | null; active: string }> {
    const retired = await store.retireKey(tx);
    await this.#make(tx);
    return { retired, active: (await this.active(tx)).id };
  }

  async #make(tx: Tx): Promise<void> {
    const id = newId();
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'EdDSA', use: 'sig' };
    await store.insertKey(tx, id, jwk, seal(this.#masterKey.reveal(), der, contextOf(id)));
  }
}

const contextOf = (id: string): string => `signing_key:${id}`;
