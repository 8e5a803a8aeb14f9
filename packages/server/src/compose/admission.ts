import type { Config } from '../config/config.ts';
import { Authenticator, type AuthenticatorOptions, KeyUsage } from '../modules/identity/index.ts';
import type { Tx } from '../platform/db/index.ts';
import { FailureBound } from '../platform/failure-bound.ts';
import type { Log } from '../platform/log.ts';
import type { Wakeups } from '../platform/queue/wakeups.ts';
import { RateLimiter } from '../platform/rate-limiter.ts';
import { sharedAllowances } from '../platform/shared-allowances.ts';
import { OwnTokenWindows, sharedTokenWindows, type TokenWindows } from '../platform/token-windows.ts';
import { rateClaims } from './rate-policies.ts';

type Statements = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

const MINUTE = 60_000;

export type AdmissionParts = {
  config: Config;
  /** On the system handle. */
  statements: Statements;
  wakeups: Pick<Wakeups, 'connected'>;
  identity: {
    tokens: AuthenticatorOptions['tokens'];
    loginUsage: { note(loginId: string): void };
  };
  log: Log;
  stack: AsyncDisposableStack;
};

/** Who is let in, and what holds callers back: rate limits are null when they are switched off. */
export function composeAdmission({ config, statements, wakeups, identity, log, stack }: AdmissionParts) {
  const { rateLimits: isOn, rateFailedCredentials: limit } = config;
  const failurePolicy = { name: 'failed-credentials', limit, windowMs: MINUTE };
  const keyUsage = stack.use(new KeyUsage({ statements, log }));
  const authenticator = new Authenticator({
    tokens: identity.tokens,
    systemRead: statements,
    seen: (loginId) => identity.loginUsage.note(loginId),
    used: (key, address) => keyUsage.note(key, address),
    hearsRevocations: () => wakeups.connected,
    failures: isOn ? new FailureBound(new RateLimiter(), failurePolicy) : null,
  });
  return {
    authenticator,
    claimsOf: rateClaims(config),
    limiter: isOn ? limiterOf(config, statements, log) : null,
    // What an organization allows itself holds whatever the installation does.
    tokenWindows: tokenWindowsOf(config, statements, log),
  };
}

/** Limits of one process, or of all that share its database. */
function limiterOf(config: Config, statements: Statements, log: Log): RateLimiter {
  if (!isShared(config)) return new RateLimiter();
  return new RateLimiter(Date.now, sharedAllowances({ statements, onFailure: warnOf(log) }));
}

const tokenWindowsOf = (config: Config, statements: Statements, log: Log): TokenWindows =>
  isShared(config) ? sharedTokenWindows({ statements, onFailure: warnOf(log) }) : new OwnTokenWindows();

const isShared = ({ rateCounters, databaseUrl }: Config): boolean =>
  rateCounters === 'database' || (rateCounters === 'auto' && databaseUrl !== null);

const warnOf =
  (log: Log) =>
  (error: unknown): void =>
    log.warn({ err: error }, 'rate limits could not be counted in the database; this process counts by itself');
