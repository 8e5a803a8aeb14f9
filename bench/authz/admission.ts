import { rateClaims } from '../../packages/server/src/compose/rate-policies.ts';
import type { Principal } from '../../packages/server/src/kernel/principal.ts';
import { decide } from '../../packages/server/src/modules/access/index.ts';
import { RateLimiter } from '../../packages/server/src/platform/rate-limiter.ts';
import { sharedAllowances } from '../../packages/server/src/platform/shared-allowances.ts';
import type { Report } from '../measure/report.ts';
import { verdict } from '../measure/table.ts';
import { API_KEY } from '../product/running-assay.ts';
import type { Place } from './batches.ts';
import { startInProcess } from './in-process.ts';
import { type Length, timeInTurns } from './timing.ts';

const BAR_US = 50;
const LIMIT = 1_000_000_000;

/** All that a request passes before its operation runs: the key, its scope, the posture, the limit. */
export async function measureAdmission(report: Report, { database, dataDir }: Place, length: Length): Promise<void> {
  await using assay = await startInProcess(database.url, dataDir);
  const { core, operations } = assay;
  const operation = operations.evaluations.submit;
  const credential = { kind: 'api_key', value: API_KEY } as const;
  const claimsOf = rateClaims({
    rateControl: LIMIT,
    rateBuilds: LIMIT,
    rateGateway: LIMIT,
    rateEvaluations: LIMIT,
    rateEvaluationBatches: LIMIT,
    rateAnonymous: LIMIT,
    rateFleetOrganization: LIMIT,
    rateFleetAddress: LIMIT,
  });
  const alone = new RateLimiter();
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const shared = new RateLimiter(Date.now, sharedAllowances({ statements: core.systemStatements, onFailure }));
  /** A limit of ten requests, taken one by one: every request asks the database. */
  const oneByOne = new RateLimiter(Date.now, sharedAllowances({ statements: core.systemStatements, onFailure }));
  const address = '127.0.0.1';
  const admitBy = (limiter: RateLimiter) => async (): Promise<void> => {
    const principal = await core.authenticator.authenticate(credential, null, address);
    if (!decide(principal, operation, new Date()).allowed) throw new Error('The first key may not submit.');
    await limiter.take(claimsOf(operation.rate, { principal, address }));
  };
  const principal: Principal = await core.authenticator.authenticate(credential, null, address);
  const tight = { name: 'tight', limit: 16, windowMs: 60_000 };
  const us = await timeInTurns(
    {
      alone: admitBy(alone),
      shared: admitBy(shared),
      limiter: () => alone.take(claimsOf(operation.rate, { principal, address })),
      question: (index) => oneByOne.take([{ policy: tight, caller: `caller-${index}` }]),
    },
    length,
  );
  report.keep('admission microseconds', us);
  report.table({
    title: 'Admission in process, warm: key look-up, scope, posture, rate limit; microseconds',
    columns: ['', 'µs', 'bar (≤ 50)'],
    rows: [
      ['counted by this process', us.alone, verdict(us.alone <= BAR_US)],
      ['counted in the database, over all nodes', us.shared, verdict(us.shared <= BAR_US)],
      ['of which the rate limit, by this process', us.limiter, ''],
      ['a share asked of the database (one in about 8 requests at 600 a minute)', us.question, ''],
    ],
  });
}
