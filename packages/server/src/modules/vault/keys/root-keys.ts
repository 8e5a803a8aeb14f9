import { randomBytes } from 'node:crypto';
import type { MasterKeys } from '../../../platform/crypto/master-keys.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { vaultErrors } from '../errors.ts';
import { type RootKey, type RootKeyWrapping, rootKeyContext } from './model.ts';
import * as store from './store.ts';

export type RootKeyServices = {
  masterKeys: MasterKeys;
  /** On the system handle. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

/** Root keys as this process has unwrapped them; held in memory, so that using one waits for nothing. */
export class RootKeys {
  readonly #services: RootKeyServices;
  #opened = new Map<number, Buffer>();
  #newest: RootKey | null = null;
  #lacking: string | null = null;
  #reloading: Promise<void> | null = null;

  private constructor(services: RootKeyServices) {
    this.#services = services;
  }

  /**
   * Unwraps the root keys of the installation, or makes the first one.
   * @throws Error when none of this process's master keys opens them, saying what to do
   */
  static async load(services: RootKeyServices): Promise<RootKeys> {
    const keys = new RootKeys(services);
    if ((await services.statements(store.listRootKeys)).length === 0) await keys.#makeFirst();
    await keys.reload();
    if (keys.#newest === null || !keys.#opened.has(keys.#newest.version)) {
      throw new Error(
        `The secrets in this database were sealed with another master key (${keys.#newest?.masterKeyId}; this process has ${services.masterKeys.ids.join(', ')}). Give this process the master key file of the one that made them, or the one from its backup.`,
      );
    }
    return keys;
  }

  /** The newest root key that this process can use; what is wrapped from now on is wrapped by it. */
  get newest(): { version: number; key: Buffer } {
    const version = Math.max(...this.#opened.keys());
    return { version, key: this.get(version) };
  }

  /** The master key that the installation uses. */
  get masterKeyId(): string {
    return this.#newest?.masterKeyId ?? '';
  }

  /** The master key that the installation has moved to and that this process does not have; null when all is well. */
  get lacking(): string | null {
    return this.#lacking;
  }

  /** @throws AppError `unavailable` for one that this process has not unwrapped (yet): another has just made it */
  get(version: number): Buffer {
    const key = this.#opened.get(version);
    if (key) return key;
    this.reload().catch(() => {});
    throw vaultErrors.unavailable(
      'The keys of this installation are being replaced, and this server has not got the new ones yet. Try again.',
      { retryAfterMs: 1_000 },
    );
  }

  /** Reads what the database and the sources of master keys have now. */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  /**
   * Makes a new root key under the first master key of this process. For as long as older root keys are in use both
   * master keys open everything, so that processes that have only one of them go on. `also` runs in its transaction.
   */
  async rotate(also: (tx: Tx, made: RootKey) => void): Promise<RootKey> {
    const { masterKeys, transaction } = this.#services;
    await masterKeys.reload();
    await this.reload();
    const { version } = this.newest;
    const to = masterKeys.current;
    const from = masterKeys.find(this.masterKeyId);
    const plain = randomBytes(32);
    const next: RootKey = { version: version + 1, masterKeyId: to.id };
    const wrappers = from === null || from.id === to.id ? [to] : [to, from];
    const wrappings = await Promise.all(wrappers.map((by) => wrap(by, next.version, plain)));
    const older = [...this.#opened].map(async ([of, key]) => ({ of, wrapping: await wrap(to, of, key) }));
    const olderWrappings = await Promise.all(older);
    await transaction(async (tx) => {
      await store.lockRootKeys(tx);
      const known = await store.listRootKeys(tx);
      if (known.at(-1)?.version !== version) {
        throw vaultErrors.unavailable('Somebody else is replacing the keys at the same time. Look at how they stand.', {
          retryAfterMs: 1_000,
        });
      }
      await store.insertRootKey(tx, next, wrappings);
      const versions = new Set(known.map((root) => root.version));
      for (const { of, wrapping } of olderWrappings) if (versions.has(of)) await store.insertWrapping(tx, of, wrapping);
      also(tx, next);
    });
    await this.reload();
    return next;
  }

  async #reload(): Promise<void> {
    const { masterKeys, statements } = this.#services;
    const roots = await statements(store.listRootKeys);
    if (roots.some(({ masterKeyId }) => masterKeys.find(masterKeyId) === null)) await masterKeys.reload();
    const opened = new Map<number, Buffer>();
    for (const { version } of roots) {
      const key = this.#opened.get(version) ?? (await this.#unwrap(version));
      if (key) opened.set(version, key);
    }
    const newest = roots.at(-1) ?? null;
    // A root key that is gone from the database may still be named by what was read just before.
    for (const [version, key] of this.#opened) if (!opened.has(version) && opened.size > 0) opened.set(version, key);
    this.#opened = opened;
    this.#newest = newest;
    this.#lacking = newest !== null && masterKeys.find(newest.masterKeyId) === null ? newest.masterKeyId : null;
  }

  async #unwrap(version: number): Promise<Buffer | null> {
    const { masterKeys, statements } = this.#services;
    const wrappings = await statements((tx) => store.listWrappings(tx, version));
    for (const { masterKeyId, wrapped } of wrappings) {
      const key = masterKeys.find(masterKeyId);
      if (key) return key.unwrap(wrapped, rootKeyContext(version));
    }
    return null;
  }

  async #makeFirst(): Promise<void> {
    const { masterKeys, transaction } = this.#services;
    const first: RootKey = { version: 1, masterKeyId: masterKeys.current.id };
    const wrapping = await wrap(masterKeys.current, first.version, randomBytes(32));
    await transaction(async (tx) => {
      await store.lockRootKeys(tx);
      if ((await store.listRootKeys(tx)).length === 0) await store.insertRootKey(tx, first, [wrapping]);
    });
  }
}

async function wrap(by: MasterKeys['current'], version: number, plain: Buffer): Promise<RootKeyWrapping> {
  return { masterKeyId: by.id, wrapped: await by.wrap(plain, rootKeyContext(version)) };
}
