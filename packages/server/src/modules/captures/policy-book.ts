import type { Tx } from '../../platform/db/index.ts';
import type { CapturePolicy } from './model.ts';
import { findPolicy } from './store-policies.ts';

export type PolicyBookOptions = {
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Whether another process's changes are heard of; while they are not, nothing is remembered. */
  hearsChanges(): boolean;
};

/** Organizations whose policies are remembered; the one that came first makes room. */
const MOST_REMEMBERED = 5_000;

/** The policies of organizations, in memory while nothing changes: every call asks. */
export class PolicyBook {
  readonly #options: PolicyBookOptions;
  readonly #known = new Map<string, CapturePolicy>();
  #generation = 0;

  constructor(options: PolicyBookOptions) {
    this.#options = options;
  }

  /** At once, where it is remembered. */
  policyOf(orgId: string): CapturePolicy | Promise<CapturePolicy> {
    const known = this.#options.hearsChanges() ? this.#known.get(orgId) : undefined;
    return known ?? this.#read(orgId);
  }

  /** Some organization's policy was changed: rare enough to read all of them again. */
  forget(): void {
    this.#generation += 1;
    this.#known.clear();
  }

  async #read(orgId: string): Promise<CapturePolicy> {
    const generation = this.#generation;
    const policy = await this.#options.statements(orgId, (tx) => findPolicy(tx, orgId));
    if (generation !== this.#generation) return policy;
    const [first] = this.#known.keys();
    if (first !== undefined && this.#known.size >= MOST_REMEMBERED) this.#known.delete(first);
    this.#known.set(orgId, policy);
    return policy;
  }
}
