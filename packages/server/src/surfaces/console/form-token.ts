import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../kernel/errors.ts';
import { readCookies, readSessionCookie, setCookie } from '../http/session-cookie.ts';

/** Before there is a session, forms are bound to a cookie of their own. */
const FORM_COOKIE = 'wos_form';

/**
 * What a form carries to show that a page of ours, made for this very browser, sent it: a digest of a secret that only
 * that browser's cookies hold. The check of the request's origin stands beside it.
 */
const tokenOf = (secret: string): string => createHmac('sha256', secret).update('assay form').digest('base64url');

/** The token for forms of somebody who has signed in. */
export const sessionFormToken = (request: FastifyRequest): string => tokenOf(sessionOf(request));

/** The token for forms of somebody who has not; gives the browser what it is bound to. */
export function anonymousFormToken(request: FastifyRequest, reply: FastifyReply): string {
  const present = formCookieOf(request);
  if (present !== '') return tokenOf(present);
  const secret = randomBytes(32).toString('base64url');
  setCookie(reply, { name: FORM_COOKIE, value: secret });
  return tokenOf(secret);
}

/** @throws AppError `denied` unless the form was made for this session */
export const assertSessionForm = (request: FastifyRequest, token: string): void =>
  assertMatches(token, sessionOf(request));

/** @throws AppError `denied` unless the form was made for this browser */
export const assertAnonymousForm = (request: FastifyRequest, token: string): void =>
  assertMatches(token, formCookieOf(request));

const sessionOf = ({ headers }: FastifyRequest): string => readSessionCookie(headers.cookie ?? '') ?? '';
const formCookieOf = ({ headers }: FastifyRequest): string => readCookies(headers.cookie ?? '', FORM_COOKIE)[0] ?? '';

function assertMatches(token: string, secret: string): void {
  const expected = Buffer.from(tokenOf(secret));
  const given = Buffer.from(token);
  if (secret !== '' && given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw new AppError(
    'denied',
    'form.stale',
    'This form was made before you signed in or out, or in another browser. Go back, load the page again, and retry. Cookies must be allowed.',
  );
}
