import { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { DataKeys } from '../../vault/index.ts';
import { keyPlace } from '../catalogue/keys.ts';
import { builtIns, type Provider } from '../catalogue/model.ts';
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

type Known = { providers: Provider[]; facts: Map<string, Promise<unknown>>; until: number };

/** The providers of organizations and what lets calls in, in memory while nothing changes: each call asks for them. */
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

  /** A key of the provider's own; null for one without. */
  keyOf({ orgId, id }: Provider): Promise<Sensitive<string> | null> {
    const { statements, dataKeys } = this.#services;
    return this.remembered(orgId, `key ${id}`, async () => {
      const sealed = await statements(orgId, (tx) => findSealedKey(tx, orgId, id));
      return sealed && new Sensitive((await dataKeys.open(keyPlace(orgId, id), sealed)).toString('utf8'));
    });
  }

  /** What `find` finds, once for as long as the organization's providers and the vault stay as they are. */
  async remembered<Value>(orgId: string, name: string, find: () => Promise<Value>): Promise<Value> {
    const { facts } = await this.#of(orgId);
    const known = facts.get(name) as Promise<Value> | undefined;
    if (known !== undefined) return known;
    const found = find();
    facts.set(name, found);
    found.catch(() => facts.delete(name));
    return found;
  }

  /** Drops what was found for an organization, but not its providers. */
  forgetFacts(orgId: string): void {
    this.#known.get(orgId)?.facts.clear();
  }

  async #of(orgId: string): Promise<Known> {
    const found = this.#known.get(orgId);
    if (found && found.until > Date.now() && this.#services.hearsChanges()) return found;
    const generation = this.#generation;
    const own = await this.#services.statements(orgId, (tx) => listProviders(tx, orgId));
    const providers = [...builtIns(orgId, this.#services.replayIsOn), ...own];
    const known: Known = { providers, facts: new Map(), until: Date.now() + LIFETIME_MS };
    if (generation === this.#generation) {
      if (this.#known.size >= MOST_ORGANIZATIONS) this.#known.clear();
      this.#known.set(orgId, known);
    }
    return known;
  }
}
