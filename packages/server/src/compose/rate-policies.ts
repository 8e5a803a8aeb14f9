import type { Call } from '../platform/operation.ts';
import type { RatePolicy } from '../platform/rate-limiter.ts';

const MINUTE = 60_000;

type Policies = { known: RatePolicy; anonymous: RatePolicy };

const policy = (name: string, limit: number): RatePolicy => ({ name, limit, windowMs: MINUTE });

/** Limits by the name that operations declare; what the seeds state is word for word. */
const POLICIES: Readonly<Record<string, Policies>> = {
  // crucible-platform: anonymous 10, authenticated 100, batch end points 10 requests a minute.
  evaluations: { known: policy('evaluations', 100), anonymous: policy('anonymous', 10) },
  'evaluations.batch': { known: policy('evaluations-batch', 10), anonymous: policy('anonymous', 10) },
  control: { known: policy('control', 600), anonymous: policy('anonymous', 60) },
  // Guessing passwords is slow even when hashing them were not.
  login: { known: policy('login', 20), anonymous: policy('login', 20) },
  fleet: { known: policy('fleet', 100), anonymous: policy('fleet', 100) },
  // Typing in the code of a device. 34 bits that live ten minutes are out of reach at this rate.
  device: { known: policy('device', 10), anonymous: policy('device', 10) },
};

/** Who is counted, and against what. People and keys are counted for themselves, everybody else by address. */
export function ratePolicyOf(rate: string, { principal, address }: Call): { policy: RatePolicy; caller: string } {
  const policies = POLICIES[rate];
  if (!policies) throw new Error(`There is no rate limit named "${rate}".`);
  if (principal.kind === 'anonymous') return { policy: policies.anonymous, caller: `address:${address ?? 'unknown'}` };
  return { policy: policies.known, caller: `${principal.kind}:${principal.id}` };
}
