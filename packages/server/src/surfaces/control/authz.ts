import { AuthzCheck, controlRoutes as routes } from '@assay/contract';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import type { accessOperations, Check, CheckResult } from '../../modules/access/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { invalidFields, type Surface, toFault } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { codeOf } from './render-error.ts';

type Operations = ReturnType<typeof accessOperations>;

/** `authz/check`, `authz/check-batch` and `me/permissions`. */
export function serveAuthz(surface: Surface, { operator }: HttpKit, of: Operations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.checkPermission, async ({ body }, call) => {
    const data = await run(of.check, call, decodeCheck(body));
    return envelope(call, { status: 200, data, links: { self: '/v1/authz/check' } });
  });

  surface.serve(routes.checkPermissions, async ({ body }, call) => {
    const decoded = body.checks.map(decodeOne);
    const asked = decoded.filter((each): each is Check => !(each instanceof Error));
    const answers = await run(of.checkBatch, call, asked);
    let next = 0;
    const results = decoded.map((each) =>
      encodeResult(each instanceof Error ? { error: each } : (answers[next++] as CheckResult)),
    );
    return envelope(call, { status: 200, data: { results }, links: { self: '/v1/authz/check-batch' } });
  });

  surface.serve(routes.myPermissions, async (_decoded, call) => {
    const { grants, scopes } = await run(of.listPermissions, call, undefined);
    const data = {
      permissions: grants.map(({ organizationId, teamId, ...grant }) => ({
        ...grant,
        organization_id: organizationId,
        team_id: teamId,
      })),
      scopes: scopes.map(({ ownOnly, ...held }) => ({ ...held, own_only: ownOnly })),
    };
    return envelope(call, { status: 200, data, links: { self: '/v1/me/permissions' } });
  });
}

/** One question of a batch; what is no question is refused by itself. */
function decodeOne(item: unknown): Check | AppError {
  const result = AuthzCheck.safeParse(item);
  return result.success
    ? decodeCheck(result.data)
    : invalidFields(result.error.issues.map((issue) => toFault(issue, '')));
}

function decodeCheck({ principal, action, resource, resource_type, resource_id }: AuthzCheck): Check {
  const kind = principal?.type === 'service_account' ? 'user' : principal?.type;
  return {
    principal: principal && kind ? { kind, id: principal.id } : null,
    action,
    resource: resourceOf(resource ?? { type: resource_type ?? '', id: resource_id }),
  };
}

function resourceOf(given: string | { type: string; id?: string | undefined }): Check['resource'] {
  if (typeof given !== 'string') return { type: given.type, id: given.id ?? null };
  const split = given.indexOf(':');
  return split < 0 ? { type: given, id: null } : { type: given.slice(0, split), id: given.slice(split + 1) };
}

function encodeResult(result: CheckResult) {
  if ('verdict' in result) return { ...result.verdict, error: null };
  const refusal = toAppError(result.error);
  const error = { code: codeOf(refusal), message: refusal.message };
  return { allowed: false, reason: 'error', matched: null, error };
}
