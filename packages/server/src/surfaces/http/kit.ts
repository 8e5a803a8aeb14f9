import type { AppError } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Authenticator } from '../../modules/identity/index.ts';
import type { Log } from '../../platform/log.ts';
import type { Call, Operator, RateState } from '../../platform/operation.ts';
import type { Metrics } from '../../platform/telemetry/metrics.ts';
import type { LargeBodies } from './large-bodies.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What every HTTP surface stands on. */
export type HttpKit = {
  operator: Operator;
  authenticator: Authenticator;
  /** Throws unless the principal may run the operation of this name now; for what stays open. */
  authorize(principal: Principal, operation: string): void;
  /** The proxies whose word on where a request comes from is believed. */
  proxies: TrustedProxies;
  /** What bounds the large bodies that are under way here, on all surfaces together. */
  largeBodies: LargeBodies;
  /** How a caller stands with a rate limit, taking nothing; null when limits are off. */
  peekRate(rate: string, call: Call): RateState | null;
  /** Where people and programs reach the installation, if that was said. */
  publicUrl: string | null;
  metrics: Metrics;
  log: Log;
};

/** How a surface shows a refusal. The kit adds the headers. */
export type RenderError = (error: AppError, call: Call, path: string) => { status: number; body: unknown };
