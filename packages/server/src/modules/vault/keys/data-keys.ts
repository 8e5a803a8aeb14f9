import { randomBytes } from 'node:crypto';
import { Sensitive } from '../../../kernel/sensitive.ts';
import { open, seal } from '../../../platform/crypto/sealed.ts';
import type { Tx } from '../../../platform/db/index.ts';
import {
  contextOf,
  type DataKeyName,
  dataKeyContext,
  type Place,
  type Purpose,
  type SealedValue,
  type WrappedDataKey,
} from './model.ts';
import type { RootKeys } from './root-keys.ts';
import * as store from './store.ts';

export type DataKeyServices = {
  roots: RootKeys;
  /** On the system handle, each statement by itself: a key that is made outlives the act that needed it first. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

/** Keys in memory: enough for a thousand organizations at work, and little enough to look at. */
const MOST_CACHED = 4_000;
/** How long a process goes on sealing with a key that another has replaced. */
const NOTICE_MS = 60_000;

/** Stands for the installation itself where an organization is named. */
const INSTALLATION = '00000000-0000-0000-0000-000000000000';

/**
 * Seals and opens values, each under the data key of its organization and purpose. Data keys are made when first needed
 * and kept in memory. They are read and made outside the caller's transaction: what it rolls back must not take a key
 * along that something else was sealed with meanwhile.
 */
export class DataKeys {
  readonly #services: DataKeyServices;
  readonly #keys = new Map<string, Buffer>();
  readonly #newest = new Map<string, { version: number; until: number }>();

  constructor(services: DataKeyServices) {
    this.#services = services;
  }

  /** Seals a value for its place, under the newest data key. */
  async seal(place: Place, plain: Buffer): Promise<SealedValue> {
    const { version, key } = await this.#newestKey(place.orgId, place.purpose);
    return { keyVersion: version, bytes: seal(key, plain, contextOf(place, version)) };
  }

  /**
   * Opens a value that lies at this place.
   * @throws Error when it was sealed for another place, or was altered
   */
  async open(place: Place, { keyVersion, bytes }: SealedValue): Promise<Buffer> {
    const key = await this.#key({ orgId: place.orgId, purpose: place.purpose, version: keyVersion });
    return open(key, bytes, contextOf(place, keyVersion));
  }

  /** The key that the installation's own secrets are sealed with and derived from. It is wrapped anew, never replaced. */
  async platformKey(): Promise<Sensitive<Buffer>> {
    return new Sensitive((await this.#newestKey(INSTALLATION, 'platform')).key);
  }

  /** Gives an organization a new data key for each purpose that it has one for. */
  async rotate(orgId: string): Promise<DataKeyName[]> {
    const { statements } = this.#services;
    const purposes = await statements((tx) => store.listPurposes(tx, orgId));
    const made = purposes.map(({ purpose, version }) => ({ orgId, purpose, version: version + 1 }));
    for (const name of made) await statements((tx) => store.insertDataKey(tx, this.#wrapNew(name)));
    this.forget(orgId);
    return made;
  }

  /** Drops what is in memory of an organization's keys: they were replaced, or are gone. */
  forget(orgId: string): void {
    for (const map of [this.#keys, this.#newest])
      for (const name of map.keys()) if (name.startsWith(`${orgId}/`)) map.delete(name);
  }

  /** Puts a data key under the newest root key. */
  wrapAnew(key: WrappedDataKey): { rootVersion: number; wrapped: Buffer } {
    const plain = this.#unwrap(key);
    const { version, key: root } = this.#services.roots.newest;
    return { rootVersion: version, wrapped: seal(root, plain, dataKeyContext(key, version)) };
  }

  async #newestKey(orgId: string, purpose: Purpose): Promise<{ version: number; key: Buffer }> {
    const known = this.#newest.get(`${orgId}/${purpose}`);
    if (known && known.until > Date.now())
      return { version: known.version, key: await this.#key({ orgId, purpose, version: known.version }) };
    const { statements } = this.#services;
    const find = (): Promise<WrappedDataKey | null> => statements((tx) => store.findNewestDataKey(tx, orgId, purpose));
    let stored = await find();
    if (!stored) {
      await statements((tx) => store.insertDataKey(tx, this.#wrapNew({ orgId, purpose, version: 1 })));
      stored = await find();
    }
    if (!stored) throw new Error('No data key could be made.');
    remember(this.#newest, `${orgId}/${purpose}`, { version: stored.version, until: Date.now() + NOTICE_MS });
    return { version: stored.version, key: this.#keep(stored) };
  }

  async #key(name: DataKeyName): Promise<Buffer> {
    const cached = this.#keys.get(nameOf(name));
    if (cached) return cached;
    const stored = await this.#services.statements((tx) => store.findDataKey(tx, name));
    if (!stored) throw new Error(`There is no data key ${nameOf(name)}: what was sealed with it is lost.`);
    return this.#keep(stored);
  }

  #keep(stored: WrappedDataKey): Buffer {
    const key = this.#unwrap(stored);
    remember(this.#keys, nameOf(stored), key);
    return key;
  }

  #unwrap(stored: WrappedDataKey): Buffer {
    const root = this.#services.roots.get(stored.rootVersion);
    return open(root, stored.wrapped, dataKeyContext(stored, stored.rootVersion));
  }

  #wrapNew(name: DataKeyName): WrappedDataKey {
    const { version: rootVersion, key: root } = this.#services.roots.newest;
    return { ...name, rootVersion, wrapped: seal(root, randomBytes(32), dataKeyContext(name, rootVersion)) };
  }
}

const nameOf = ({ orgId, purpose, version }: DataKeyName): string => `${orgId}/${purpose}/${version}`;

/** Puts an entry in, and the oldest out when there are too many. */
function remember<Value>(map: Map<string, Value>, name: string, value: Value): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= MOST_CACHED) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
