const SOMEWHERE = 'http://site.invalid';
const DEFAULT = '/device';

/**
 * Where to go after signing in: a path of this site, whatever was asked for. Browsers read `//host`, `/\host` and tabs
 * or line breaks in between as the address of another site, so the parser decides and its result is what is used.
 */
export function nextPath(asked: string | undefined): string {
  const url = asked?.startsWith('/') ? URL.parse(asked, SOMEWHERE) : null;
  return url?.origin === SOMEWHERE ? url.pathname.replace(/^\/+/, '/') + url.search : DEFAULT;
}
