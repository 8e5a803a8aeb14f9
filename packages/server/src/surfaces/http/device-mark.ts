import type { FastifyReply, FastifyRequest } from 'fastify';
import { DEVICE_SECONDS } from '../../modules/identity/index.ts';
import { readCookies, setCookie } from './session-cookie.ts';

const NAME = 'wos_device';

/** The mark of a device that has signed in before. It proves nothing but that; of several any will do. */
export const readDeviceMark = (request: FastifyRequest): string | null =>
  readCookies(request.headers.cookie ?? '', NAME)[0] ?? null;

/** Gives a device its mark, so that guesses of others do not hold it back the next time. */
export const setDeviceMark = (reply: FastifyReply, mark: string): void =>
  setCookie(reply, { name: NAME, value: mark, seconds: DEVICE_SECONDS });
