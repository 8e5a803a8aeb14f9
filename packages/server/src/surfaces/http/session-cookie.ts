import { stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../kernel/errors.ts';
import { credentialErrors } from '../../modules/identity/index.ts';

const NAME = 'wos_session';

/**
 * The value of the session cookie; null when there is none, or an emptied one.
 * @throws AppError for two that differ: a neighbouring host has planted one, and nobody can tell which
 */
export function readSessionCookie(header: string): string | null {
  const values = readCookies(header, NAME).filter((value) => value !== '');
  if (values.some((value) => value !== values[0])) {
    throw credentialErrors.ambiguous(
      'The request carries two session cookies. Remove those of this site, and sign in.',
    );
  }
  return values[0] ?? null;
}

/** Every value that a name has in a `Cookie` header. */
export const readCookies = (header: string, name: string): string[] =>
  header.split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at > 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });

/** Gives the browser its session. */
export const setSessionCookie = (reply: FastifyReply, value: string, seconds: number): void =>
  setCookie(reply, { name: NAME, value, seconds });

/** Takes the session from the browser. */
export const clearSessionCookie = (reply: FastifyReply): void => setSessionCookie(reply, '', 0);

/** Sets a cookie that no script can read and no other site's form sends. `seconds` left out: until the browser closes. */
export function setCookie(
  reply: FastifyReply,
  { name, value, seconds }: { name: string; value: string; seconds?: number },
): void {
  const secure = !isPlainLoopback(reply.request);
  const cookie = stringifySetCookie({
    name,
    value,
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure,
    ...(seconds === undefined ? {} : { maxAge: seconds }),
  });
  reply.header('set-cookie', cookie);
}

const LOOPBACK = /^(localhost|(.+\.)?localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** Plain HTTP to this very machine: the one place where a cookie may travel without TLS. */
const isPlainLoopback = (request: FastifyRequest): boolean =>
  request.protocol === 'http' && LOOPBACK.test(request.hostname);

/**
 * @throws AppError when the browser came over plain HTTP from another machine: it would not send the cookie back, and
 *   the password would travel in the open
 */
export function assertCanHoldSession(request: FastifyRequest, publicUrl: string | null): void {
  const isPublicHost = publicUrl !== null && publicUrl === `https://${request.host}`;
  if (request.protocol === 'https' || isPublicHost || isPlainLoopback(request)) return;
  throw new AppError(
    'denied',
    'session.needs_tls',
    'Signing in needs HTTPS, except on this machine itself. Put TLS in front of Assay, and name the proxy in ASSAY_TRUSTED_PROXIES or the address in ASSAY_PUBLIC_URL.',
  );
}
