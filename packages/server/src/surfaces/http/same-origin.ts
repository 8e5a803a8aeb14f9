import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../../kernel/errors.ts';

/**
 * Refuses what another site made a browser send: a cookie goes along by itself, so it proves nothing about who wrote
 * the request. `Sec-Fetch-Site` decides where a browser sends it, else `Origin`; a request with neither is refused.
 * @param publicUrl where the installation is reached, for a proxy that changes `Host`
 * @throws AppError `denied`
 */
export function assertSameOrigin(headers: IncomingHttpHeaders, publicUrl: string | null): void {
  if (isSameOrigin(headers, publicUrl)) return;
  throw new AppError(
    'denied',
    'request.cross_site',
    'This request comes from another site. With a session cookie only pages of this site may make changes; programs send a token or key.',
  );
}

function isSameOrigin(headers: IncomingHttpHeaders, publicUrl: string | null): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  if (origin === undefined || host === undefined) return false;
  return origin === publicUrl || URL.parse(origin)?.host === host.toLowerCase();
}
