import { readFile } from 'node:fs/promises';
import type { Sensitive } from '../../kernel/sensitive.ts';
import { type KeySource, type KeyWrapper, localKey } from './key-wrapper.ts';
import { loadMasterKeys, parseMasterKeys, prependMasterKey } from './master-key.ts';
import { transitKey } from './transit.ts';

/** The master keys that this process has: the first is the one that the operator wants in use. */
export class MasterKeys {
  readonly #sources: readonly KeySource[];
  #keys: readonly KeyWrapper[] = [];

  private constructor(sources: readonly KeySource[]) {
    this.#sources = sources;
  }

  /** @throws Error when there is none, or one of the sources cannot be read */
  static async load(sources: readonly KeySource[]): Promise<MasterKeys> {
    const keys = new MasterKeys(sources);
    await keys.reload();
    return keys;
  }

  get current(): KeyWrapper {
    const [first] = this.#keys;
    if (!first) throw new Error('There is no master key. Give one by ASSAY_MASTER_KEY_FILE.');
    return first;
  }

  get ids(): readonly string[] {
    return this.#keys.map(({ id }) => id);
  }

  find(id: string): KeyWrapper | null {
    return this.#keys.find((key) => key.id === id) ?? null;
  }

  /** Reads the sources again: a key may have been added to the file since. */
  async reload(): Promise<void> {
    this.#keys = (await Promise.all(this.#sources.map((source) => source.read()))).flat();
  }

  /** Whether a new key can be made here; else it is made by whoever keeps the keys. */
  get canGenerate(): boolean {
    return this.#sources[0]?.generate !== undefined;
  }

  /** Makes a new key, which is then the first. */
  async generate(): Promise<void> {
    await this.#sources[0]?.generate?.();
    await this.reload();
  }
}

export type MasterKeySettings = {
  file: string;
  environment: Sensitive<string> | null;
  transit: { url: string; tokenFile: string } | null;
  /** A key was made on first start; its file needs a copy elsewhere. */
  onCreated(file: string): void;
};

/**
 * All sources that the settings name, the ones outside this machine first. Only a file that is the sole source is made
 * on first start; beside another source it holds what was in use before.
 */
export function masterKeySources({ file, environment, transit, onCreated }: MasterKeySettings): KeySource[] {
  const sources: KeySource[] = [];
  if (transit !== null) {
    const key = transitKey({
      url: transit.url,
      token: async () => (await readFile(transit.tokenFile, 'utf8')).trim(),
    });
    sources.push({ read: async () => [key] });
  }
  if (environment !== null) {
    const keys = parseMasterKeys(environment.reveal(), 'ASSAY_MASTER_KEY').map(localKey);
    sources.push({ read: async () => keys });
  }
  const isSole = sources.length === 0;
  sources.push({
    async read() {
      const { keys, created } = await loadMasterKeys(file, { create: isSole });
      if (created) onCreated(file);
      return keys.map((key) => localKey(key.reveal()));
    },
    ...(isSole ? { generate: () => prependMasterKey(file) } : {}),
  });
  return sources;
}
