import { controlRoutes as routes } from '@assay/contract';
import { type ApiKey, DEFAULT_OVERLAP_SECONDS, type keyOperations } from '../../modules/identity/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

type Operations = ReturnType<typeof keyOperations>;
type Raw = Parameters<Handler<typeof routes.getApiKey>>[2];

/** API keys: `data.api_key`, with `data.raw_key` beside it where a secret was made. */
export function serveApiKeys(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);
  const timeOf = (text: string | null | undefined): Date | null | undefined => (text ? new Date(text) : (text as null));

  surface.serve(routes.createApiKey, async ({ body }, call, raw) => {
    const issued = await run(of.createKey, call, {
      name: body.name ?? body.label ?? '',
      scopes: body.scopes ?? null,
      template: body.permission_set ?? null,
      expiresAt: timeOf(body.expires_at) ?? null,
      allowedAddresses: body.allowed_addresses ?? null,
      serviceAccountId: body.service_account_id ?? null,
      organizationId: body.organization_id ?? null,
    });
    return answerWith(call, raw, { status: 201, key: issued.key, secret: issued.rawKey });
  });

  surface.serve(routes.listApiKeys, async ({ query }, call) => {
    const page = await run(of.listKeys, call, { limit: query.limit, cursor: query.cursor ?? null });
    const at = (cursor: string): string => `/v1/api-keys?limit=${query.limit}&cursor=${encodeURIComponent(cursor)}`;
    return envelope(call, {
      status: 200,
      data: { api_keys: page.items.map(encodeKey) },
      links: { self: '/v1/api-keys', ...(page.nextCursor === null ? {} : { next: at(page.nextCursor) }) },
    });
  });

  surface.serve(routes.getApiKey, async ({ params }, call, raw) =>
    answerWith(call, raw, { key: await run(of.getKey, call, params) }),
  );

  surface.serve(routes.updateApiKey, async ({ params, body }, call, raw) => {
    const { key } = await run(of.updateKey, call, {
      id: params.id,
      expected: expectedVersions(raw.request.headers),
      name: body.name,
      scopes: body.scopes,
      template: body.permission_set,
      expiresAt: timeOf(body.expires_at),
      allowedAddresses: body.allowed_addresses,
    });
    return answerWith(call, raw, { key });
  });

  surface.serve(routes.revokeApiKey, async ({ params }, call, raw) =>
    answerWith(call, raw, { key: await run(of.revokeKey, call, params) }),
  );

  surface.serve(routes.disableApiKey, async ({ params }, call, raw) =>
    answerWith(call, raw, { key: await run(of.disableKey, call, params) }),
  );

  surface.serve(routes.enableApiKey, async ({ params }, call, raw) =>
    answerWith(call, raw, { key: await run(of.enableKey, call, params) }),
  );

  surface.serve(routes.rotateApiKey, async ({ params, body }, call, raw) => {
    const issued = await run(of.rotateKey, call, {
      id: params.id,
      expected: expectedVersions(raw.request.headers),
      overlapSeconds: body.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS,
    });
    return answerWith(call, raw, { key: issued.key, secret: issued.rawKey });
  });
}

type Shown = { status?: number; key: ApiKey; secret?: string };

function answerWith(call: Call, { reply }: Raw, { status = 200, key, secret }: Shown) {
  reply.header('etag', etagOf(key.version));
  return envelope(call, {
    status,
    data: { api_key: encodeKey(key), ...(secret === undefined ? {} : { raw_key: secret, value: secret }) },
    links: { self: `/v1/api-keys/${key.id}` },
  });
}

const time = (at: Date | null): string | null => at?.toISOString() ?? null;

function encodeKey(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    last_four: key.lastFour,
    scopes: key.scopes,
    permission_set: key.template,
    status: statusOf(key),
    created_by: key.createdBy,
    service_account_id: key.serviceAccountId,
    created_at: key.createdAt.toISOString(),
    expires_at: time(key.expiresAt),
    allowed_addresses: key.allowedAddresses,
    last_used_at: time(key.lastUsedAt),
    last_used_address: key.lastUsedAddress,
    previous_expires_at: time(key.previousExpiresAt),
    frozen_at: time(key.frozenAt),
    disabled_at: time(key.disabledAt),
    revoked_at: time(key.revokedAt),
  };
}

function statusOf(key: ApiKey): 'revoked' | 'disabled' | 'expired' | 'active' {
  if (key.revokedAt) return 'revoked';
  if (key.disabledAt) return 'disabled';
  return key.expiresAt && key.expiresAt <= new Date() ? 'expired' : 'active';
}
