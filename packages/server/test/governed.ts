import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { createGovernance } from '../src/compose/governance.ts';
import { type RateSettings, rateClaims } from '../src/compose/rate-policies.ts';
import { Sensitive } from '../src/kernel/sensitive.ts';
import type { Database } from '../src/platform/db/index.ts';
import { IdempotencyStore } from '../src/platform/idempotency-store.ts';
import { Operator } from '../src/platform/operation.ts';
import type { RateLimiter } from '../src/platform/rate-limiter.ts';
import { createMetrics } from '../src/platform/telemetry/metrics.ts';
import { noTracing } from '../src/platform/telemetry/tracing.ts';
import type { TestDatabase } from './database.ts';

const RATES: RateSettings = {
  rateEvaluations: 100,
  rateEvaluationBatches: 10,
  rateAnonymous: 10,
  rateControl: 600,
  rateBuilds: 600,
  rateGateway: 600,
  rateFleetOrganization: 1_000,
  rateFleetAddress: 100,
};

export type GovernedOptions = {
  limiter?: RateLimiter | null;
  /** Instead of the test database's own pool. */
  app?: Database;
};

/** The Operator as the server has it, on a test database; without rate limits unless the test brings some. */
export function governed(db: TestDatabase, { limiter = null, app = db.app }: GovernedOptions = {}): Operator {
  return new Operator(
    createGovernance({
      database: app,
      system: db.system,
      idempotency: new IdempotencyStore(new Sensitive(randomBytes(32))),
      limiter,
      claimsOf: rateClaims(RATES),
      metrics: createMetrics(),
      tracing: noTracing,
      told: () => {},
      log: pino({ level: 'silent' }),
    }),
  );
}
