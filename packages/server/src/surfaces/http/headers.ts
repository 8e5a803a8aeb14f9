import type { FastifyReply } from 'fastify';
import type { AppError } from '../../kernel/errors.ts';
import type { RateState } from '../../platform/operation.ts';

/** What a page of ours may load: nothing from elsewhere. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

/** The rate limit in both header families: `X-RateLimit-*`, and draft-ietf-httpapi-ratelimit-headers. */
export function rateHeaders(rate: RateState | null): Record<string, string> {
  if (rate === null) return {};
  const seconds = Math.max(0, Math.ceil((rate.resetAt - Date.now()) / 1000));
  return {
    'x-ratelimit-limit': String(rate.limit),
    'x-ratelimit-remaining': String(rate.remaining),
    'x-ratelimit-reset': String(Math.ceil(rate.resetAt / 1000)),
    'ratelimit-policy': `"${rate.policy}";q=${rate.limit};w=${Math.round(rate.windowMs / 1000)}`,
    ratelimit: `"${rate.policy}";r=${rate.remaining};t=${seconds}`,
  };
}

/** `Retry-After` and `WWW-Authenticate`, where a refusal calls for them. */
export function refusalHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterMs !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  else if (error.kind === 'unavailable') headers['retry-after'] = '5';
  // The vendors' clients try again at any 429, and a budget is not fuller by then.
  if (error.kind === 'over_budget' || error.code === 'usage.already_billed') headers['x-should-retry'] = 'false';
  if (error.kind === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="assay"';
  return headers;
}

export function setHeaders(reply: FastifyReply, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
}
