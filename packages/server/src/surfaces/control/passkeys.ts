import { controlRoutes as routes } from '@assay/contract';
import type { Passkey, passkeyOperations, RegistrationResponse } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

/** Passkeys of whoever is signed in. */
export function servePasskeys(surface: Surface, { operator }: HttpKit, of: ReturnType<typeof passkeyOperations>): void {
  const run = operator.run.bind(operator);
  const self = '/v1/me/passkeys';

  surface.serve(routes.offerPasskey, async (_decoded, call) => {
    const options = await run(of.offerPasskey, call, undefined);
    return envelope(call, { status: 201, data: { options }, links: { self: `${self}/options` } });
  });

  surface.serve(routes.registerPasskey, async ({ body }, call) => {
    const response = body.response as RegistrationResponse;
    const passkey = await run(of.registerPasskey, call, { name: body.name, response });
    return envelope(call, { status: 201, data: { passkey: encodePasskey(passkey) }, links: { self } });
  });

  surface.serve(routes.listPasskeys, async (_decoded, call) => {
    const passkeys = await run(of.listPasskeys, call, undefined);
    return envelope(call, { status: 200, data: { passkeys: passkeys.map(encodePasskey) }, links: { self } });
  });

  surface.serve(routes.removePasskey, async ({ params }, call) => {
    const passkey = await run(of.removePasskey, call, params);
    const links = { self: `${self}/${params.id}` };
    return envelope(call, { status: 200, data: { passkey: encodePasskey(passkey) }, links });
  });
}

const encodePasskey = ({ id, name, isBackedUp, createdAt, lastUsedAt }: Passkey) => ({
  id,
  name,
  is_backed_up: isBackedUp,
  created_at: createdAt.toISOString(),
  last_used_at: lastUsedAt?.toISOString() ?? null,
});
