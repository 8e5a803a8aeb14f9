import type { Call } from '../../platform/operation.ts';

type Links = { self: string; next?: string };

function frame(call: Call, status: number) {
  return {
    meta: {
      request_id: call.requestId,
      trace_id: traceUuid(call.traceId),
      timestamp: new Date().toISOString(),
      status,
      version: '1.0',
    },
    context: {
      principal_id: call.principal.kind === 'anonymous' ? null : call.principal.id,
      organization_id: call.principal.orgId,
      // Of a team that is not there, nothing is said.
      team_id: status === 404 ? null : (call.teamId ?? null),
    },
  };
}

/** Wraps the data of an answer. */
export const envelope = (call: Call, of: { status: number; data: unknown; links: Links }) => ({
  ...frame(call, of.status),
  data: of.data,
  error: null,
  links: of.links,
});

/** Wraps a refusal. */
export const refuse = (call: Call, of: { status: number; path: string; error: unknown }) => ({
  ...frame(call, of.status),
  data: null,
  error: of.error,
  links: { self: of.path },
});

/** The W3C trace id with the dashes of a UUID: fabric shows it so. */
function traceUuid(traceId: string | null): string {
  const hex = traceId ?? '0'.repeat(32);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
