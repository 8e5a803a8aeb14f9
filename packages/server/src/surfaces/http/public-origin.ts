import type { FastifyRequest } from 'fastify';
import { AppError } from '../../kernel/errors.ts';

/**
 * Where callers find this installation: what was configured, else what the request itself was sent to.
 * @throws AppError `invalid` for a `Host` that no address can have
 */
export function publicOrigin(request: FastifyRequest, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl;
  const origin = URL.parse(`${request.protocol}://${request.host}`)?.origin;
  if (origin !== undefined && origin !== 'null') return origin;
  throw new AppError('invalid', 'request.malformed', 'The Host header is not that of an address.');
}
