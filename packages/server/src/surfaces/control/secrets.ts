import { controlRoutes as routes } from '@assay/contract';
import { Sensitive } from '../../kernel/sensitive.ts';
import type { Secret, SecretVersion, secretOperations } from '../../modules/vault/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

type Raw = Parameters<Handler<typeof routes.getSecret>>[2];

/** Secrets: `data.secret`, never with a value. */
export function serveSecrets(surface: Surface, { operator }: HttpKit, of: ReturnType<typeof secretOperations>): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createSecret, async ({ body }, call, raw) => {
    const { name, description, encoding } = body;
    const secret = await run(of.createSecret, call, { name, description, encoding, value: new Sensitive(body.value) });
    return answerWith(call, raw, { status: 201, secret });
  });

  surface.serve(routes.listSecrets, async ({ query }, call) => {
    const page = await run(of.listSecrets, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { secrets: page.items.map(encodeSecret) },
      links: linksOf('/v1/secrets', query.limit, page.nextCursor),
    });
  });

  surface.serve(routes.getSecret, async ({ params }, call, raw) =>
    answerWith(call, raw, { secret: await run(of.getSecret, call, params) }),
  );

  surface.serve(routes.listSecretVersions, async ({ params, query }, call) => {
    const input = { ...params, limit: query.limit, cursor: query.cursor ?? null };
    const { secret, page } = await run(of.listSecretVersions, call, input);
    return envelope(call, {
      status: 200,
      data: { versions: page.items.map(encodeVersion) },
      links: linksOf(`/v1/secrets/${secret.name}/versions`, query.limit, page.nextCursor),
    });
  });

  surface.serve(routes.replaceSecret, async ({ params, body }, call, raw) => {
    const { secret } = await run(of.replaceSecret, call, {
      name: params.name,
      expected: expectedVersions(raw.request.headers),
      description: body.description,
      encoding: body.encoding,
      value: new Sensitive(body.value),
    });
    return answerWith(call, raw, { secret });
  });

  surface.serve(routes.deleteSecret, async ({ params }, call, raw) => {
    const input = { name: params.name, expected: expectedVersions(raw.request.headers) };
    return answerWith(call, raw, { secret: await run(of.deleteSecret, call, input) });
  });
}

function answerWith(call: Call, { reply }: Raw, { status = 200, secret }: { status?: number; secret: Secret }) {
  reply.header('etag', etagOf(secret.version));
  return envelope(call, {
    status,
    data: { secret: encodeSecret(secret) },
    links: { self: `/v1/secrets/${secret.name}` },
  });
}

function linksOf(self: string, limit: number, nextCursor: string | null) {
  if (nextCursor === null) return { self };
  return { self, next: `${self}?limit=${limit}&cursor=${encodeURIComponent(nextCursor)}` };
}

const encodeSecret = (secret: Secret) => ({
  id: secret.id,
  name: secret.name,
  description: secret.description,
  version: secret.version,
  created_by: secret.createdBy,
  created_at: secret.createdAt.toISOString(),
  updated_at: secret.updatedAt.toISOString(),
  last_used_at: secret.lastUsedAt?.toISOString() ?? null,
});

const encodeVersion = (version: SecretVersion) => ({
  version: version.version,
  encoding: version.encoding,
  size_bytes: version.sizeBytes,
  is_kept: version.isKept,
  created_by: version.createdBy,
  created_at: version.createdAt.toISOString(),
});
