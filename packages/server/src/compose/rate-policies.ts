import type { Config } from '../config/config.ts';
import { callerOf } from '../kernel/network-address.ts';
import type { Call } from '../platform/operation.ts';
import type { RateClaim, RatePolicy } from '../platform/rate-limiter.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The limits that can be set; what the seeds state is the default, word for word. */
export type RateSettings = Pick<
  Config,
  | 'rateEvaluations'
  | 'rateEvaluationBatches'
  | 'rateAnonymous'
  | 'rateControl'
  | 'rateBuilds'
  | 'rateGateway'
  | 'rateFleetOrganization'
  | 'rateFleetAddress'
>;

/** What a call counts against, by the name of the limit that its operation declares. */
export type RateClaims = (rate: string, call: Pick<Call, 'principal' | 'address'>) => readonly RateClaim[];

/** Whom a policy counts. `identity`: people and keys for themselves, everybody else by address. */
type Counted = 'identity' | 'organization' | 'address';
type Rule = { policy: RatePolicy; by: Counted };
/** Who has no credential is counted by address, against limits of their own where there are some. */
type Rules = { known: readonly Rule[]; anonymous: readonly Rule[] };

const minute = (name: string, limit: number): RatePolicy => ({ name, limit, windowMs: MINUTE });

/** Makes the limits of a configuration. */
export function rateClaims(settings: RateSettings): RateClaims {
  const rules = rulesOf(settings);
  return (rate, call) => {
    const found = rules[rate];
    if (!found) throw new Error(`There is no rate limit named "${rate}".`);
    const { known, anonymous } = found;
    const claims = (call.principal.kind === 'anonymous' ? anonymous : known).flatMap(({ policy, by }) => {
      const caller = counted(by, call);
      return caller === null ? [] : [{ policy, caller }];
    });
    return claims;
  };
}

function rulesOf(settings: RateSettings): Readonly<Record<string, Rules>> {
  const plain = (policy: RatePolicy, anonymous: RatePolicy): Rules => ({
    known: [{ policy, by: 'identity' }],
    anonymous: [{ policy: anonymous, by: 'address' }],
  });
  const same = (policy: RatePolicy): Rules => plain(policy, policy);
  const anonymous = minute('anonymous', settings.rateAnonymous);
  const perAddress: Rule = { policy: minute('fleet-address', settings.rateFleetAddress), by: 'address' };
  const perOrganization: Rule = {
    policy: { name: 'fleet-organization', limit: settings.rateFleetOrganization, windowMs: HOUR },
    by: 'organization',
  };
  return {
    evaluations: plain(minute('evaluations', settings.rateEvaluations), anonymous),
    'evaluations.batch': plain(minute('evaluations-batch', settings.rateEvaluationBatches), anonymous),
    control: plain(minute('control', settings.rateControl), minute('anonymous-control', 60)),
    gateway: plain(minute('gateway', settings.rateGateway), minute('anonymous-gateway', 60)),
    builds: plain(minute('builds', settings.rateBuilds), minute('anonymous-builds', 60)),
    fleet: { known: [perOrganization, perAddress], anonymous: [perAddress] },
    // Guessing passwords is slow even when hashing them were not.
    login: same(minute('login', 20)),
    // Typing in the code of a device. 34 bits that live ten minutes are out of reach at this rate, for one person and for
    // many at one address.
    device: {
      known: [
        { policy: minute('device', 20), by: 'identity' },
        { policy: minute('device-address', 60), by: 'address' },
      ],
      anonymous: [{ policy: minute('device-address', 60), by: 'address' }],
    },
  };
}

function counted(by: Counted, { principal, address }: Pick<Call, 'principal' | 'address'>): string | null {
  if (by === 'organization') return principal.orgId === null ? null : `organization:${principal.orgId}`;
  if (by === 'identity' && principal.kind !== 'anonymous') return `${principal.kind}:${principal.id}`;
  return `address:${address === null ? 'unknown' : callerOf(address)}`;
}
