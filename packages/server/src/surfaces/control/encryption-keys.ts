import { controlRoutes as routes } from '@assay/contract';
import type { encryptionKeyOperations, KeyStatus } from '../../modules/vault/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

type Operations = ReturnType<typeof encryptionKeyOperations>;

/** The keys that everything is sealed with: how they stand, and their rotation. */
export function serveEncryptionKeys(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);
  const links = { self: '/v1/encryption-keys' };

  surface.serve(routes.getEncryptionKeys, async (_decoded, call) => {
    const status = await run(of.getKeyStatus, call, undefined);
    return envelope(call, { status: 200, data: { encryption_keys: encodeStatus(status) }, links });
  });

  surface.serve(routes.rotateMasterKey, async ({ body }, call) => {
    const status = await run(of.rotateMasterKey, call, body);
    return envelope(call, { status: 200, data: { encryption_keys: encodeStatus(status) }, links });
  });

  surface.serve(routes.rotateDataKeys, async (_decoded, call) => {
    const made = await run(of.rotateDataKeys, call, undefined);
    const keys = made.map(({ purpose, version }) => ({ purpose, version }));
    return envelope(call, { status: 200, data: { data_keys: keys }, links });
  });
}

const encodeStatus = (status: KeyStatus) => ({
  master_key: status.masterKeyId,
  available: status.availableIds,
  needed: status.neededIds,
  root_version: status.rootVersion,
  pending: status.pending,
});
