import { AppError } from '../../../kernel/errors.ts';
import type { UpstreamFailure } from '../model.ts';

/** A provider failed. What the caller is told is `toRefusal`; whether to try elsewhere is `isRetryable`. */
export class UpstreamError extends Error {
  readonly failure: UpstreamFailure;

  constructor(failure: UpstreamFailure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.name = 'UpstreamError';
    this.failure = failure;
  }
}

const KINDS = {
  unreachable: 'unavailable',
  address_refused: 'unavailable',
  timeout: 'deadline',
  overloaded: 'unavailable',
  rate_limited: 'rate_limited',
  quota: 'unavailable',
  credential: 'unavailable',
  rejected: 'invalid',
  model_unknown: 'invalid',
  too_long: 'invalid',
  malformed: 'unavailable',
  interrupted: 'unavailable',
} as const satisfies Record<UpstreamFailure['reason'], AppError['kind']>;

/** What a caller is told when no provider answered. */
export function toRefusal({ reason, message, retryAfterMs }: UpstreamFailure, provider: string): AppError {
  return new AppError(KINDS[reason], `provider.${reason}`, `${provider}: ${message}`, {
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}
