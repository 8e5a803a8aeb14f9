import { AuthzCheck } from '@assay/contract';
import { AuthzService, type CheckResultSchema, type PermissionCheck, type VerdictSchema } from '@assay/contract/grpc';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { AppError } from '../../kernel/errors.ts';
import type { accessOperations, Check, CheckResult, Verdict } from '../../modules/access/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import type { RpcSurface } from './rpc-surface.ts';

const MAX_CHECKS = 1_000;

export function serveAuthz(
  surface: RpcSurface,
  run: HttpKit['operator']['run'],
  of: ReturnType<typeof accessOperations>,
): void {
  surface.serve(AuthzService, 'control', {
    async check({ check }, call) {
      const question = decodeCheck(check, 'check');
      if (question instanceof AppError) throw question;
      return { verdict: encodeVerdict(await run(of.check, call, question)) };
    },

    async checkBatch({ checks }, call) {
      if (checks.length === 0 || checks.length > MAX_CHECKS) {
        const message = `Field checks: must be 1 to ${MAX_CHECKS} questions`;
        throw invalidFields([{ field: 'checks', constraint: 'range', message }]);
      }
      const decoded = checks.map((check, index) => decodeCheck(check, `checks.${index}`));
      const asked = decoded.filter((each): each is Check => !(each instanceof AppError));
      const answers = await run(of.checkBatch, call, asked);
      let next = 0;
      const results = decoded.map((each) =>
        encodeResult(each instanceof AppError ? { error: each } : (answers[next++] as CheckResult)),
      );
      return { results };
    },
  });
}

/** Reads a question by the rules that hold for every way in; what is no question comes back as its refusal. */
function decodeCheck(check: PermissionCheck | undefined, field: string): Check | AppError {
  const { principal, action, resource } = check ?? {};
  const result = AuthzCheck.safeParse({
    action,
    resource: resource && { type: resource.type, ...(resource.id !== undefined && { id: resource.id }) },
    ...(principal && { principal: { type: principal.kind, id: principal.id } }),
  });
  if (!result.success) return invalidFields(result.error.issues.map((issue) => toFault(issue, field)));
  const { type, id } = resource ?? { type: '', id: undefined };
  return {
    principal: principal ? { kind: principal.kind === 'api_key' ? 'api_key' : 'user', id: principal.id } : null,
    action: result.data.action,
    resource: { type, id: id ?? null },
  };
}

const encodeVerdict = ({ allowed, reason, matched }: Verdict): MessageInitShape<typeof VerdictSchema> => ({
  allowed,
  reason,
  ...(matched && {
    matched: { scope: matched.scope, via: matched.via, ...(matched.name !== null && { name: matched.name }) },
  }),
});

function encodeResult(result: CheckResult): MessageInitShape<typeof CheckResultSchema> {
  if ('verdict' in result) return { result: { case: 'verdict', value: encodeVerdict(result.verdict) } };
  const { code, message } = result.error;
  return { result: { case: 'error', value: { code, message } } };
}
