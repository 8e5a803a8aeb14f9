import { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { DataKeys } from '../../vault/index.ts';
import { builtIns, type Provider } from '../catalogue/model.ts';
import { keyPlace } from '../catalogue/operations.ts';
import { findSealedKey, listProviders } from '../catalogue/store.ts';

export type DirectoryServices = {
  dataKeys: DataKeys;
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  replayIsOn: boolean;
  /** Whether changes made by other processes reach this one right now; while not, nothing is answered from memory. */
  hearsChanges(): boolean;
};

const MOST_ORGANIZATIONS = 2_000;
/** Upper bound of what a lost signal can cost. */
const LIFETIME_MS = 30_000;

type Known = { providers: Provider[]; keys: Map<string, Sensitive<string> | null>; until: number };

/** The providers of organizations and their keys, in memory while nothing changes: they are asked for at each call. */
export class ProviderDirectory {
  readonly #services: DirectoryServices;
  readonly #known = new Map<string, Known>();
  #generation = 0;

  constructor(services: DirectoryServices) {
    this.#services = services;
  }

  /** Some provider changed: the next call of each organization asks the database. */
  forget(): void {
    this.#generation += 1;
    this.#known.clear();
  }

  async providersOf(orgId: string): Promise<readonly Provider[]> {
    return (await this.#of(orgId)).providers;
  }

  /** The key that a provider knows the organization by; null for one without. */
  async keyOf({ orgId, id }: Provider): Promise<Sensitive<string> | null> {
    const known = await this.#of(orgId);
    const found = known.keys.get(id);
    if (found !== undefined) return found;
    const sealed = await this.#services.statements(orgId, (tx) => findSealedKey(tx, orgId, id));
    const key =
      sealed === null
        ? null
        : new Sensitive((await this.#services.dataKeys.open(keyPlace(orgId, id), sealed)).toString('utf8'));
    known.keys.set(id, key);
    return key;
  }

  async #of(orgId: string): Promise<Known> {
    const found = this.#known.get(orgId);
    if (found && found.until > Date.now() && this.#services.hearsChanges()) return found;
    const generation = this.#generation;
    const own = await this.#services.statements(orgId, (tx) => listProviders(tx, orgId));
    const providers = [...builtIns(orgId, this.#services.replayIsOn), ...own];
    const known: Known = { providers, keys: new Map(), until: Date.now() + LIFETIME_MS };
    if (generation === this.#generation) {
      if (this.#known.size >= MOST_ORGANIZATIONS) this.#known.clear();
      this.#known.set(orgId, known);
    }
    return known;
  }
}
