import {
  type NewCapturePolicy,
  controlRoutes as routes,
  type Capture as WireCapture,
  type CapturePolicy as WirePolicy,
} from '@assay/contract';
import type { Capture, CapturePolicy, captureOperations, StandingPolicy } from '../../modules/captures/index.ts';
import type { Call } from '../../platform/operation.ts';
import { etagOf, expectedVersions } from '../http/etag.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Handler, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { pageLinks } from './page-links.ts';

export type CaptureOperations = ReturnType<typeof captureOperations>;
type Raw = Parameters<Handler<typeof routes.getCapturePolicy>>[2];

/** Captured calls to models: `data.capture`, and the policy that says which there are. */
export function serveCaptures(surface: Surface, { operator }: HttpKit, of: CaptureOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.getCapturePolicy, async ({ params }, call, raw) =>
    answerWith(call, raw, params.id, await run(of.getCapturePolicy, call, undefined)),
  );

  surface.serve(routes.setCapturePolicy, async ({ params, body }, call, raw) => {
    const expected = expectedVersions(raw.request.headers);
    const input = { orgId: String(call.principal.orgId), expected, policy: decodePolicy(body) };
    return answerWith(call, raw, params.id, (await run(of.setCapturePolicy, call, input)).after);
  });

  surface.serve(routes.listCaptures, async ({ params, query }, call) => {
    const { limit, cursor, ...chosen } = query;
    const { from, to, provider = null, model = null, outcome = null, api_key = null, request = null } = chosen;
    const filter = {
      provider,
      model,
      outcome,
      apiKeyId: api_key,
      requestId: request,
      from: moment(from),
      to: moment(to),
    };
    const page = await run(of.listCaptures, call, { filter, limit, cursor: cursor ?? null });
    return envelope(call, {
      status: 200,
      data: { captures: page.items.map(encodeCapture) },
      links: pageLinks(`/v1/organizations/${params.id}/captures`, { limit, ...chosen }, page.nextCursor),
    });
  });

  surface.serve(routes.getCapture, async ({ params }, call) => {
    const { capture, content } = await run(of.getCapture, call, { id: params.capture_id });
    return one(call, params.id, { ...encodeCapture(capture), content });
  });

  surface.serve(routes.deleteCapture, async ({ params }, call) =>
    one(call, params.id, encodeCapture(await run(of.deleteCapture, call, { id: params.capture_id }))),
  );

  surface.serve(routes.deleteCaptures, async ({ params, query }, call) => {
    const input = { orgId: String(call.principal.orgId), before: moment(query.before) };
    const { deleted } = await run(of.deleteCaptures, call, input);
    return envelope(call, {
      status: 200,
      data: { deleted },
      links: { self: `/v1/organizations/${params.id}/captures` },
    });
  });
}

const moment = (text: string | undefined): Date | null => (text === undefined ? null : new Date(text));

function answerWith(call: Call, { reply }: Raw, orgId: string, policy: StandingPolicy) {
  reply.header('etag', etagOf(policy.version));
  return envelope(call, {
    status: 200,
    data: { capture_policy: encodePolicy(policy) },
    links: { self: `/v1/organizations/${orgId}/capture-policy` },
  });
}

const one = <Shown extends WireCapture>(call: Call, orgId: string, capture: Shown) =>
  envelope(call, {
    status: 200,
    data: { capture },
    links: { self: `/v1/organizations/${orgId}/captures/${capture.id}` },
  });

const decodePolicy = (body: NewCapturePolicy): CapturePolicy => ({
  isOn: body.is_on,
  retentionDays: body.retention_days,
  redactors: [...new Set(body.redactors)],
  patterns: body.patterns,
  apiKeyIds: body.api_key_ids,
  teamIds: body.team_ids,
});

const encodePolicy = (policy: StandingPolicy): WirePolicy => ({
  is_on: policy.isOn,
  retention_days: policy.retentionDays,
  redactors: [...policy.redactors],
  patterns: [...policy.patterns],
  api_key_ids: [...policy.apiKeyIds],
  team_ids: [...policy.teamIds],
  updated_by: policy.updatedBy,
  updated_at: policy.updatedAt?.toISOString() ?? null,
});

const encodeCapture = (capture: Capture): WireCapture => ({
  id: capture.id,
  at: capture.at.toISOString(),
  operation: capture.operation,
  provider: capture.provider,
  model: capture.model,
  outcome: capture.outcome,
  failure: capture.failure,
  principal: capture.principal,
  api_key_id: capture.apiKeyId,
  team_id: capture.teamId,
  request_id: capture.requestId,
  response_id: capture.responseId,
  input_tokens: capture.inputTokens,
  output_tokens: capture.outputTokens,
  cost_micros: capture.cost,
  redactions: capture.redactions,
  is_truncated: capture.isTruncated,
  size_bytes: capture.sizeBytes,
});
