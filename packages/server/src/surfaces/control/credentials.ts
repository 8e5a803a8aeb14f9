import { controlRoutes as routes } from '@assay/contract';
import { Sensitive } from '../../kernel/sensitive.ts';
import type { Credential, credentialOperations, oauthOperations } from '../../modules/vault/index.ts';
import type { Call } from '../../platform/operation.ts';
import type { HttpKit } from '../http/kit.ts';
import { publicOrigin } from '../http/public-origin.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

type Operations = ReturnType<typeof credentialOperations> & ReturnType<typeof oauthOperations>;

/** Where issuers send people back to. */
const CALLBACK = routes.completeCredentialOAuth.path;

/** Credentials: `data.credential`, never with its secrets. */
export function serveCredentials(surface: Surface, { operator, publicUrl }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.createCredential, async ({ body }, call) => {
    const credential = await run(of.createCredential, call, {
      name: body.name,
      kind: body.kind,
      provider: body.provider ?? null,
      isPersonal: body.personal,
      allowUserOverride: body.allow_user_override,
      scopes: body.scopes,
      config: given(body.provider_config),
      secret: new Sensitive(given(body.secret)),
    });
    return answerWith(call, credential, 201);
  });

  surface.serve(routes.listCredentials, async ({ query }, call) => {
    const page = await run(of.listCredentials, call, { limit: query.limit, cursor: query.cursor ?? null });
    const at = (cursor: string): string => `/v1/credentials?limit=${query.limit}&cursor=${encodeURIComponent(cursor)}`;
    return envelope(call, {
      status: 200,
      data: { credentials: page.items.map(encodeCredential) },
      links: { self: '/v1/credentials', ...(page.nextCursor === null ? {} : { next: at(page.nextCursor) }) },
    });
  });

  surface.serve(routes.getCredential, async ({ params }, call) =>
    answerWith(call, await run(of.getCredential, call, params)),
  );

  surface.serve(routes.startCredentialOAuth, async ({ params, body }, call, { request }) => {
    const redirectUri = publicOrigin(request, publicUrl) + CALLBACK;
    const { url } = await run(of.startOAuth, call, { ...params, redirectUri, returnTo: body.return_to ?? null });
    return envelope(call, { status: 200, data: { auth_url: url }, links: { self: `/v1/credentials/${params.id}` } });
  });

  surface.serve(routes.completeCredentialOAuth, async ({ query }, call, { request, reply }) => {
    const [, added = ''] = request.url.split(/\?(.*)/s);
    const { credential, returnTo } = await run(of.completeOAuth, call, { state: query.state, query: added });
    if (returnTo === null) return answerWith(call, credential);
    await reply.code(303).header('location', returnTo).send();
    return undefined;
  });

  surface.serve(routes.revokeCredential, async ({ params }, call) =>
    answerWith(call, await run(of.revokeCredential, call, params)),
  );
}

const answerWith = (call: Call, credential: Credential, status = 200) =>
  envelope(call, {
    status,
    data: { credential: encodeCredential(credential) },
    links: { self: `/v1/credentials/${credential.id}` },
  });

/** The fields that were given. */
const given = <Fields extends Record<string, string | undefined>>(
  fields: Fields,
): Partial<Record<keyof Fields, string>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<
    Record<keyof Fields, string>
  >;

const time = (at: Date | null): string | null => at?.toISOString() ?? null;

const encodeCredential = (credential: Credential) => ({
  id: credential.id,
  name: credential.name,
  kind: credential.kind,
  provider: credential.provider,
  user_id: credential.userId,
  status: credential.status,
  allow_user_override: credential.allowUserOverride,
  scopes: credential.scopes,
  provider_config: credential.config,
  durable_ref: `credential:${credential.id}`,
  created_by: credential.createdBy,
  created_at: credential.createdAt.toISOString(),
  updated_at: credential.updatedAt.toISOString(),
  last_minted_at: time(credential.lastMintedAt),
  last_minted_status: credential.lastMintedStatus,
  revoked_at: time(credential.revokedAt),
});
