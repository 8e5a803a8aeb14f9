import { controlRoutes as routes } from '@assay/contract';
import type { SigningKeyView, signingKeyOperations } from '../../modules/identity/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

/** Keys of access tokens, for administrators of the installation. */
export function serveSigningKeys(
  surface: Surface,
  { operator }: HttpKit,
  of: ReturnType<typeof signingKeyOperations>,
): void {
  const links = { self: '/v1/signing-keys' };

  surface.serve(routes.listSigningKeys, async (_decoded, call) => {
    const keys = await operator.run(of.listSigningKeys, call, undefined);
    return envelope(call, { status: 200, data: { signing_keys: keys.map(encodeKey) }, links });
  });

  surface.serve(routes.rotateSigningKey, async ({ body }, call) => {
    const keys = await operator.run(of.rotateSigningKey, call, body);
    return envelope(call, { status: 201, data: { signing_keys: keys.map(encodeKey) }, links });
  });
}

const encodeKey = ({ id, createdAt, retiredAt, verifiesUntil }: SigningKeyView) => ({
  id,
  created_at: createdAt.toISOString(),
  retired_at: retiredAt?.toISOString() ?? null,
  verifies_until: verifiesUntil?.toISOString() ?? null,
});
