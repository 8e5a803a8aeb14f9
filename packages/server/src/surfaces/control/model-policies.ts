import { type ModelPolicyTerms, controlRoutes as routes, type ModelPolicy as WirePolicy } from '@assay/contract';
import type { ModelPolicy, PolicyTerms, policyOperations, Subject } from '../../modules/providers/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

type Raw = Parameters<Handler<typeof routes.getModelPolicy>>[2];

/** What calls of models may do: `data.model_policy`. */
export function serveModelPolicies(
  surface: Surface,
  { operator }: HttpKit,
  of: ReturnType<typeof policyOperations>,
): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.listModelPolicies, async ({ query }, call) => {
    const page = await run(of.listPolicies, call, { limit: query.limit, cursor: query.cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { model_policies: page.items.map(encodePolicy) },
      links: pageLinks('/v1/model-policies', { limit: query.limit }, page.nextCursor),
    });
  });

  surface.serve(routes.getModelPolicy, async ({ params }, call, raw) =>
    answerWith(call, raw, await run(of.getPolicy, call, { subject: subjectOf(params) })),
  );

  surface.serve(routes.setModelPolicy, async ({ params, body }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    const { policy } = await run(of.setPolicy, call, {
      subject: subjectOf(params),
      terms: decodeTerms(body),
      expected,
    });
    return answerWith(call, raw, policy);
  });

  surface.serve(routes.deleteModelPolicy, async ({ params }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    return answerWith(call, raw, await run(of.deletePolicy, call, { subject: subjectOf(params), expected }));
  });
}

type Params = { subject_kind: Subject['kind']; subject_id: string };
const subjectOf = ({ subject_kind: kind, subject_id: id }: Params): Subject => ({ kind, id });

function answerWith(call: Call, { reply }: Raw, policy: ModelPolicy) {
  reply.header('etag', etagOf(policy.version));
  const { kind, id } = policy.subject;
  const links = { self: `/v1/model-policies/${kind}/${id}` };
  return envelope(call, { status: 200, data: { model_policy: encodePolicy(policy) }, links });
}

const decodeTerms = ({ providers, models, tokens_per_minute, team_id, cache }: ModelPolicyTerms): PolicyTerms => ({
  providers,
  models,
  tokensPerMinute: tokens_per_minute,
  teamId: team_id,
  cache: cache && { ttlSeconds: cache.ttl_seconds, includeSampled: cache.include_sampled },
});

const encodePolicy = (policy: ModelPolicy): WirePolicy => ({
  subject: policy.subject,
  providers: policy.providers && [...policy.providers],
  models: policy.models && [...policy.models],
  tokens_per_minute: policy.tokensPerMinute,
  team_id: policy.teamId,
  cache: policy.cache && { ttl_seconds: policy.cache.ttlSeconds, include_sampled: policy.cache.includeSampled },
  updated_by: policy.updatedBy,
  created_at: policy.createdAt.toISOString(),
  updated_at: policy.updatedAt.toISOString(),
});
