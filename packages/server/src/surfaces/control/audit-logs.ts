import { Readable } from 'node:stream';
import { type AuditEntry, controlRoutes as routes } from '@assay/contract';
import type { FastifyRequest } from 'fastify';
import {
  type auditLogOperations,
  type auditProofOperations,
  type auditReadOperations,
  type Checkpoint,
  type Entry,
  type ListInput,
  type LogExport,
  leafDocument,
  type Stats,
  type StatsInput,
  type VerifierKey,
} from '../../modules/audit/index.ts';
import type { HttpCall } from '../http/http-call.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Decoded, Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';

export type AuditOperations = ReturnType<typeof auditReadOperations> &
  ReturnType<typeof auditLogOperations> &
  ReturnType<typeof auditProofOperations>;

/** The audit log: lists, counts, checkpoints, proofs, keys and the export. */
export function serveAuditLogs(surface: Surface, kit: HttpKit, of: AuditOperations): void {
  const run = kit.operator.run.bind(kit.operator);

  surface.serve(routes.listOrganizationAuditLogs, async ({ query }, call, { request }) =>
    showPage(call, request, await run(of.listOrganizationEntries, call, decodeList(query))),
  );
  surface.serve(routes.listAuditLogs, async ({ query }, call, { request }) =>
    showPage(call, request, await run(of.listAllEntries, call, decodeList(query))),
  );
  surface.serve(routes.organizationAuditStats, async ({ query }, call, { request }) =>
    show(call, request, { stats: encodeStats(await run(of.summarizeOrganizationEntries, call, decodeStats(query))) }),
  );
  surface.serve(routes.auditStats, async ({ query }, call, { request }) =>
    show(call, request, { stats: encodeStats(await run(of.summarizeAllEntries, call, decodeStats(query))) }),
  );

  surface.serve(routes.auditCheckpoint, async ({ query }, call, { request }) =>
    show(call, request, { checkpoint: encodeCheckpoint(await run(of.getCheckpoint, call, query)) }),
  );
  surface.serve(routes.auditInclusionProof, async ({ query }, call, { request }) => {
    const { log, index = null, leaf = null, size = null } = query;
    const proof = await run(of.proveInclusion, call, { log, index, leaf, size });
    return show(call, request, {
      proof: {
        index: proof.index,
        size: proof.size,
        leaf_hash: base64(proof.leafHash),
        root: base64(proof.root),
        path: proof.path.map(base64),
      },
      checkpoint: encodeCheckpoint(proof.checkpoint),
    });
  });
  surface.serve(routes.auditConsistencyProof, async ({ query }, call, { request }) => {
    const { log, from, to = null } = query;
    const proof = await run(of.proveConsistency, call, { log, from, to });
    return show(call, request, {
      proof: {
        from: proof.from,
        to: proof.to,
        from_root: base64(proof.olderRoot),
        to_root: base64(proof.newerRoot),
        path: proof.path.map(base64),
      },
      checkpoint: encodeCheckpoint(proof.checkpoint),
    });
  });

  surface.serve(routes.exportAuditLog, async ({ query }, call, { reply }) => {
    const exported = await run(of.exportLog, call, query);
    const name = `audit-${exported.checkpoint.orgId}-${exported.checkpoint.size}.ndjson`;
    reply.header('content-type', 'application/x-ndjson');
    reply.header('content-disposition', `attachment; filename="${name}"`);
    // Reads from the database only as fast as the caller reads from us.
    return Readable.from(exportLines(exported), { objectMode: false, highWaterMark: 1 << 18 });
  });
  surface.serve(routes.listAuditKeys, async ({ query }, call, { request }) =>
    show(call, request, { keys: (await run(of.listVerifierKeys, call, query)).map(encodeKey) }),
  );
  surface.serve(routes.rotateAuditKey, async (_decoded, call, { request }) =>
    show(call, request, await run(of.rotateCheckpointKey, call, undefined)),
  );
}

const base64 = (bytes: Buffer): string => bytes.toString('base64');
const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0] ?? url;

const show = (call: HttpCall, request: FastifyRequest, data: unknown) =>
  envelope(call, { status: 200, data, links: { self: pathOf(request) } });

function showPage(call: HttpCall, request: FastifyRequest, page: { items: Entry[]; nextCursor: string | null }) {
  const query = new URLSearchParams(request.url.split('?').slice(1).join('?'));
  if (page.nextCursor !== null) query.set('cursor', page.nextCursor);
  const next = page.nextCursor === null ? {} : { next: `${pathOf(request)}?${query}` };
  const data = { audit_logs: page.items.map(encodeEntry) };
  return envelope(call, { status: 200, data, links: { self: pathOf(request), ...next } });
}

type Selection = { filter?: string | string[] | undefined; from?: string | undefined; to?: string | undefined };

const decodeSelection = ({ filter = [], from, to }: Selection) => ({
  filters: typeof filter === 'string' ? [filter] : filter,
  from: from === undefined ? null : new Date(from),
  to: to === undefined ? null : new Date(to),
});

function decodeList(query: Decoded<typeof routes.listAuditLogs>['query']): ListInput {
  const { order, limit, cursor = null } = query;
  return { ...decodeSelection(query), order, limit, cursor };
}

function decodeStats(query: Decoded<typeof routes.auditStats>['query']): StatsInput {
  const [count = '', column = ''] = (query.top ?? '').split(':');
  return {
    ...decodeSelection(query),
    groupBy: query.group_by === undefined ? [] : query.group_by.split(','),
    bucket: query.time_bucket,
    top: query.top === undefined ? null : { count: Number(count), column },
  };
}

function encodeEntry(entry: Entry): AuditEntry {
  const { principal, target, detail } = entry;
  const targetOf = (type: string): string | null => (target?.type === type ? target.id : null);
  const worded = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return {
    id: entry.id,
    org_id: entry.orgId,
    user_id: principal.kind === 'user' ? principal.id : 'system',
    timestamp: entry.at,
    event_type: entry.action,
    category: entry.category,
    actor: entry.actor,
    outcome: entry.outcome,
    workspace_id: targetOf('workspace'),
    task_id: targetOf('task'),
    agent_role: worded(detail['agent_role']),
    agent_provider: worded(detail['agent_provider']),
    principal,
    credential: entry.credential as AuditEntry['credential'],
    via: entry.via as AuditEntry['via'],
    target,
    request_id: entry.requestId,
    trace_id: entry.traceId,
    detail,
    personal: entry.personal,
    personal_digest: entry.personalDigest?.toString('hex') ?? null,
    index: entry.index,
    leaf_hash: base64(entry.leafHash),
  };
}

const encodeStats = ({ from, to, bucket, groupBy, groups }: Stats) => ({
  from: from.toISOString(),
  to: to.toISOString(),
  time_bucket: bucket,
  metric: 'count',
  group_by: groupBy,
  total: groups.reduce((sum, { count }) => sum + count, 0),
  buckets: groups.map(({ bucket: start, values, count }) => ({
    start,
    group: Object.fromEntries(groupBy.map((column, at) => [column, values[at] ?? null])),
    count,
  })),
});

const encodeCheckpoint = ({ origin, size, root, note }: Checkpoint) => ({ origin, size, root: base64(root), note });

const encodeKey = ({ id, verifier, publicKey, createdAt, retiredAt }: VerifierKey) => ({
  id,
  verifier,
  public_key: base64(publicKey),
  created_at: createdAt.toISOString(),
  retired_at: retiredAt?.toISOString() ?? null,
});

/** Lines go out a few hundred at a time: one write for each would cost more than reading it. */
const LINES_AT_ONCE = 200;

async function* exportLines({ checkpoint, keys, entries }: LogExport): AsyncGenerator<string> {
  const { origin, size, orgId, note } = checkpoint;
  const header = {
    type: 'header',
    format: 'assay-audit-log/1',
    origin,
    org_id: orgId,
    size,
    keys: keys.map(encodeKey),
  };
  let lines = [JSON.stringify(header)];
  for await (const entry of entries) {
    lines.push(JSON.stringify(encodeExported(entry)));
    if (lines.length < LINES_AT_ONCE) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
  yield `${[...lines, JSON.stringify({ type: 'checkpoint', note })].join('\n')}\n`;
}

/** A leaf as it is hashed, with what lies beside it. */
function encodeExported(entry: Entry) {
  const leaf = leafDocument(entry, entry.personalDigest);
  // The hash that was stored: where a leaf was changed, it says which.
  const placed = { index: entry.index, leaf_hash: base64(entry.leafHash), leaf };
  if (entry.personalDigest === null) return placed;
  if (entry.personal === null || entry.salt === null) return { ...placed, erased: true };
  return { ...placed, personal: entry.personal, salt: base64(entry.salt) };
}
