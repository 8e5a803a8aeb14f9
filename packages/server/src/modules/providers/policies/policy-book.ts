import type { Tx } from '../../../platform/db/index.ts';
import type { Applied, ModelPolicy, Subject, Subjects } from './model.ts';
import { allPolicies } from './store.ts';

/** How a person stands to a team; null where the organization has no such team. */
export type TeamStanding = 'member' | 'stranger' | null;

export type PolicyBookServices = {
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  findStanding(tx: Tx, of: { orgId: string; teamId: string; userId: string | null }): Promise<TeamStanding>;
  /** Whether changes made by other processes reach this one right now; while not, nothing is answered from memory. */
  hearsChanges(): boolean;
};

const MOST_ORGANIZATIONS = 2_000;
const MOST_STANDINGS = 10_000;
/** Upper bound of what a lost signal can cost. */
const LIFETIME_MS = 30_000;

type Known = { bySubject: ReadonlyMap<string, ModelPolicy>; standings: Map<string, TeamStanding>; until: number };

const NONE: Applied = [];
const nameOf = (kind: Subject['kind'], id: string): string => `${kind}/${id}`;

/** The policies of organizations and who is in their teams, in memory while nothing changes: each call asks for them. */
export class PolicyBook {
  readonly #services: PolicyBookServices;
  readonly #known = new Map<string, Known>();
  #generation = 0;

  constructor(services: PolicyBookServices) {
    this.#services = services;
  }

  /** Some policy, team or membership changed: the next call of each organization asks the database. */
  forget(): void {
    this.#generation += 1;
    this.#known.clear();
  }

  /** What a call falls under, the widest first. */
  async appliedTo({ orgId, teamId, apiKeyId }: Subjects): Promise<Applied> {
    const { bySubject } = await this.#of(orgId);
    if (bySubject.size === 0) return NONE;
    return [
      bySubject.get(nameOf('organization', orgId)),
      teamId === null ? undefined : bySubject.get(nameOf('team', teamId)),
      apiKeyId === null ? undefined : bySubject.get(nameOf('api_key', apiKeyId)),
    ].filter((policy) => policy !== undefined);
  }

  /** The team that calls of a key belong to whatever they say; null where nobody said so. */
  async teamOfKey(orgId: string, apiKeyId: string): Promise<string | null> {
    return (await this.#of(orgId)).bySubject.get(nameOf('api_key', apiKeyId))?.teamId ?? null;
  }

  async standingOf(of: { orgId: string; teamId: string; userId: string | null }): Promise<TeamStanding> {
    const { standings } = await this.#of(of.orgId);
    const name = `${of.teamId} ${of.userId}`;
    const found = standings.get(name);
    if (found !== undefined) return found;
    const standing = await this.#services.statements(of.orgId, (tx) => this.#services.findStanding(tx, of));
    if (standings.size >= MOST_STANDINGS) standings.clear();
    standings.set(name, standing);
    return standing;
  }

  async #of(orgId: string): Promise<Known> {
    const found = this.#known.get(orgId);
    if (found && found.until > Date.now() && this.#services.hearsChanges()) return found;
    const generation = this.#generation;
    const policies = await this.#services.statements(orgId, (tx) => allPolicies(tx, orgId));
    const bySubject = new Map(policies.map((policy) => [nameOf(policy.subject.kind, policy.subject.id), policy]));
    const known: Known = { bySubject, standings: new Map(), until: Date.now() + LIFETIME_MS };
    if (generation === this.#generation) {
      if (this.#known.size >= MOST_ORGANIZATIONS) this.#known.clear();
      this.#known.set(orgId, known);
    }
    return known;
  }
}
