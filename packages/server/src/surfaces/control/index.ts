import { controlRoutes as routes } from '@assay/contract';
import type { FastifyInstance } from 'fastify';
import type { Principal } from '../../kernel/principal.ts';
import type { assetOperations } from '../../modules/assets/index.ts';
import type { eventOperations } from '../../modules/events/index.ts';
import type { ApiKey, keyOperations, whoAmI } from '../../modules/identity/index.ts';
import { rateHeaders } from '../http/headers.ts';
import type { HttpKit } from '../http/kit.ts';
import { sendEvents } from '../http/sse.ts';
import { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { eventFrames, filterOf } from './events.ts';
import { renderError } from './render-error.ts';

export { serveEventSocket } from './events.ts';

export type ControlSurface = {
  kit: HttpKit;
  operations: ReturnType<typeof keyOperations> &
    ReturnType<typeof eventOperations> &
    ReturnType<typeof assetOperations> & { whoAmI: typeof whoAmI };
};

/** Fabric's and evershell's API: an envelope around everything. */
export function registerControl(scope: FastifyInstance, { kit, operations: of }: ControlSurface): Surface {
  const surface = new Surface(scope, { name: 'control', renderError, rate: 'control', kit });
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.me, async (_decoded, call) => {
    const principal = await run(of.whoAmI, call, undefined);
    return envelope(call, { status: 200, data: { principal: encodePrincipal(principal) }, links: { self: '/v1/me' } });
  });

  surface.serve(routes.createApiKey, async ({ body }, call) => {
    const { key, rawKey } = await run(of.createKey, call, {
      name: body.name,
      scopes: body.scopes ?? null,
      template: body.permission_set ?? null,
      expiresAt: body.expires_at === undefined ? null : new Date(body.expires_at),
    });
    return envelope(call, {
      status: 201,
      data: { api_key: encodeKey(key), raw_key: rawKey },
      links: { self: `/v1/api-keys/${key.id}` },
    });
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

  surface.serve(routes.getApiKey, async ({ params }, call) => {
    const key = await run(of.getKey, call, params);
    return envelope(call, {
      status: 200,
      data: { api_key: encodeKey(key) },
      links: { self: `/v1/api-keys/${key.id}` },
    });
  });

  surface.serve(routes.revokeApiKey, async ({ params }, call) => {
    const key = await run(of.revokeKey, call, params);
    return envelope(call, {
      status: 200,
      data: { api_key: encodeKey(key) },
      links: { self: `/v1/api-keys/${key.id}` },
    });
  });

  surface.serve(routes.downloadAsset, async ({ params }, call, { reply }) => {
    const { asset, content } = await run(of.downloadAsset, call, params);
    // Always a download, never a page: nothing that a program wrote is rendered on our origin.
    reply.header('content-type', 'application/octet-stream');
    reply.header(
      'content-disposition',
      `attachment; filename*=UTF-8''${encodeURIComponent(asset.filename.split('/').pop() ?? 'asset')}`,
    );
    reply.header('content-length', asset.sizeBytes);
    reply.header('etag', `"${asset.digest}"`);
    return content;
  });

  surface.serve(routes.streamEvents, async ({ query }, call, { request, reply }) => {
    const last = request.headers['last-event-id'];
    const after = typeof last === 'string' ? last : (query.after ?? null);
    const events = await run(of.followEvents, call, { filter: filterOf(query.types, query.subjects), after });
    const headers = { 'x-request-id': call.requestId, ...rateHeaders(call.notes.rate) };
    await sendEvents(reply, eventFrames(events), { headers, signal: call.signal, start: events.start });
    return undefined;
  });
  return surface;
}

const encodePrincipal = (principal: Principal) => ({
  id: principal.id,
  kind: principal.kind,
  organization_id: principal.orgId,
  role: principal.role,
  scopes: [...principal.scopes].sort(),
  posture: principal.posture,
});

function encodeKey(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    last_four: key.lastFour,
    scopes: key.scopes,
    status: statusOf(key),
    created_by: key.createdBy,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
  };
}

function statusOf(key: ApiKey): 'revoked' | 'disabled' | 'expired' | 'active' {
  if (key.revokedAt) return 'revoked';
  if (key.disabledAt) return 'disabled';
  return key.expiresAt && key.expiresAt <= new Date() ? 'expired' : 'active';
}
