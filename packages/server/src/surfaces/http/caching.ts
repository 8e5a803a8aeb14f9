import type { IncomingHttpHeaders } from 'node:http';
import type { Caching } from '../../modules/providers/index.ts';
import type { Call } from '../../platform/operation.ts';

/** What `Cache-Control` of a request says (RFC 9111, section 5.2.1), as far as it is about answers of models. */
export function cachingOf(headers: IncomingHttpHeaders): Caching {
  const said = (headers['cache-control'] ?? '').toLowerCase();
  const directives = said.split(',').map((directive) => directive.trim());
  const age = directives.map((directive) => /^max-age="?(\d{1,10})"?$/.exec(directive)?.[1]).find((text) => text);
  return {
    noCache: directives.includes('no-cache'),
    noStore: directives.includes('no-store'),
    maxAgeSeconds: age === undefined ? null : Number(age),
  };
}

/** Whether an answer was given before, and how long ago; nothing where no policy lets answers be kept. */
export const cacheHeaders = ({ notes: { cache } }: Pick<Call, 'notes'>): Record<string, string> =>
  cache === null
    ? {}
    : {
        'x-assay-cache': cache.status,
        ...(cache.ageSeconds === null ? {} : { age: String(cache.ageSeconds) }),
      };
