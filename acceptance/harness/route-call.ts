import { randomUUID } from 'node:crypto';
import type { Route } from '@assay/contract';
import type { Answer, Client } from './client.ts';
import type { Estate } from './estate.ts';
import type { Credentials } from './server.ts';

/** A well-formed call of a route, aimed at the things of one organization. */
export type RouteCall = { method: string; path: string; body: object | undefined };

/** Which of an organization's things stands for a route's parameter, by the start of its path. */
const TARGETS: readonly [prefix: string, of: (estate: Estate) => string][] = [
  ['/api/dead-letters/', ({ deadLetterId }) => deadLetterId],
  ['/api/eval', ({ evalId }) => evalId],
  ['/v1/api-keys/', ({ keyId }) => keyId],
  ['/v1/assets/', ({ assetId }) => assetId],
];

const BODIES: Readonly<Record<string, () => object>> = {
  'evaluations.evaluation.submit': () => ({ code: 'print(1)' }),
  'evaluations.batch.submit': () => ({ evaluations: [{ code: 'print(1)' }] }),
  'identity.api_key.create': () => ({ name: `Key ${randomUUID()}`, scopes: [] }),
};

/**
 * Makes the call that a route is meant for. A route that this knows nothing of fails here: whoever adds one says how
 * it is called, and every generated test then holds it.
 */
export function callOf(route: Route, estate: Estate): RouteCall {
  const { method } = route;
  const path = route.path.replace(/\{\w+\}/, () => {
    const [, of] = TARGETS.find(([prefix]) => route.path.startsWith(prefix)) ?? [];
    if (!of) throw new Error(`Say in route-call.ts what ${method} ${route.path} is about.`);
    return of(estate);
  });
  if (route.body === undefined) return { method, path, body: undefined };
  const body = BODIES[route.operation ?? '']?.();
  if (!body) throw new Error(`Say in route-call.ts what ${method} ${route.path} is sent.`);
  return { method, path, body };
}

export const send = (client: Client, { method, path, body }: RouteCall): Promise<Answer> =>
  client.send(method, path, { body });

/** The name of a route in a test's title. */
export const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

/** Whether a route lets callers in before they are known: it takes what they sign in with. */
export const signsIn = ({ operation }: Route): boolean => /^identity\.(?:login|device)\./.test(operation ?? '');

/** Signs in with a password, and gives the access token and the refresh token. */
export async function signIn(
  anonymous: Client,
  { email, password }: Pick<Credentials, 'email' | 'password'>,
): Promise<{ accessToken: string; refreshToken: string }> {
  const { status, body } = await anonymous.post('/api/v1/auth/login', { email, password });
  if (status !== 200) throw new Error(`Signing in as ${email} was answered with ${status}.`);
  const { access_token, refresh_token } = body as { access_token: string; refresh_token: string };
  return { accessToken: access_token, refreshToken: refresh_token };
}
