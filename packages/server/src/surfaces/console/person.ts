import type { FastifyReply, FastifyRequest } from 'fastify';
import type {
  accountOperations,
  deviceOperations,
  loginOperations,
  passkeyOperations,
  sessionOperations,
} from '../../modules/identity/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import { sessionFormToken } from './form-token.ts';

export type PageOperations = Pick<ReturnType<typeof loginOperations>, 'login' | 'completeLogin'> &
  Pick<ReturnType<typeof passkeyOperations>, 'loginWithPasskey'> &
  Pick<ReturnType<typeof accountOperations>, 'getProfile'> &
  Pick<ReturnType<typeof sessionOperations>, 'openSession' | 'endSession'> &
  Pick<ReturnType<typeof deviceOperations>, 'getDevice' | 'decideDevice'>;

/** Who is signed in, as pages show it, with the token of their forms. */
export type SignedInAs = { name: string; formToken: string };

export const isSignedIn = (call: HttpCall): boolean => call.principal.kind === 'user';

/** Who is signed in; null for nobody. */
export async function signedInAs(
  request: FastifyRequest,
  call: HttpCall,
  kit: HttpKit,
  { getProfile }: Pick<PageOperations, 'getProfile'>,
): Promise<SignedInAs | null> {
  if (!isSignedIn(call)) return null;
  const { email } = await kit.operator.run(getProfile, call, undefined);
  return { name: email, formToken: sessionFormToken(request) };
}

/** Sends a browser on with GET, whatever it came with. */
export const goTo = (reply: FastifyReply, path: string): FastifyReply =>
  reply.header('cache-control', 'no-store').redirect(path, 303);

/** Sends a browser to sign in first, and then on to a path. */
export const askToSignIn = (reply: FastifyReply, next: string): FastifyReply =>
  goTo(reply, `/login?next=${encodeURIComponent(next)}`);
