import {
  type AuditCheckpointSchema,
  type AuditEntrySchema,
  AuditService,
  type AuditServiceListRequest,
} from '@assay/contract/grpc';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type {
  auditLogOperations,
  auditProofOperations,
  auditReadOperations,
  Checkpoint,
  Entry,
  ListInput,
} from '../../modules/audit/index.ts';
import type { HttpKit } from '../http/kit.ts';
import { invalidFields } from '../http/surface.ts';
import { pageSizeOf, pageTokenOf } from './paging.ts';
import { present, times } from './present.ts';
import { dateOf } from './read-fields.ts';
import type { RpcSurface } from './rpc-surface.ts';

export type AuditOperations = Pick<ReturnType<typeof auditReadOperations>, 'listOrganizationEntries'> &
  Pick<ReturnType<typeof auditLogOperations>, 'getCheckpoint' | 'listVerifierKeys'> &
  ReturnType<typeof auditProofOperations>;

/** An entry is a few hundred bytes, so that many fit into a message. */
const PAGES = { usual: 100, most: 1_000 };
const MOST_FILTERS = 20;
const MOST_FILTER_LENGTH = 2_000;
const log = 'organization';

export function serveAudit(surface: RpcSurface, run: HttpKit['operator']['run'], of: AuditOperations): void {
  surface.serve(AuditService, 'control', {
    async list(request, call) {
      const wanted = decodeList(request);
      const { items, nextCursor } = await pageTokenOf(() => run(of.listOrganizationEntries, call, wanted));
      return { entries: items.map(encodeEntry), nextPageToken: nextCursor ?? '' };
    },

    async getCheckpoint(_request, call) {
      return { checkpoint: encodeCheckpoint(await run(of.getCheckpoint, call, { log })) };
    },

    async proveInclusion({ entry, size }, call) {
      if (entry.case === undefined) throw refused('entry', 'give the `index` or the id (`leaf`) of an entry');
      const index = entry.case === 'index' ? placeOf(entry.value, 'index') : null;
      const leaf = entry.case === 'leaf' ? entry.value : null;
      const wanted = { log, index, leaf, size: size === undefined ? null : placeOf(size, 'size') } as const;
      const proof = await run(of.proveInclusion, call, wanted);
      return {
        index: BigInt(proof.index),
        size: BigInt(proof.size),
        leafHash: proof.leafHash,
        root: proof.root,
        path: [...proof.path],
        checkpoint: encodeCheckpoint(proof.checkpoint),
      };
    },

    async proveConsistency({ from, to }, call) {
      const wanted = { log, from: placeOf(from, 'from'), to: to === undefined ? null : placeOf(to, 'to') } as const;
      const proof = await run(of.proveConsistency, call, wanted);
      return {
        from: BigInt(proof.from),
        to: BigInt(proof.to),
        fromRoot: proof.olderRoot,
        toRoot: proof.newerRoot,
        path: [...proof.path],
        checkpoint: encodeCheckpoint(proof.checkpoint),
      };
    },

    async listKeys(_request, call) {
      const keys = await run(of.listVerifierKeys, call, { log });
      return {
        keys: keys.map(({ id, verifier, publicKey, createdAt, retiredAt }) => ({
          id,
          verifier,
          publicKey,
          createdAt: timestampFromDate(createdAt),
          ...times({ retiredAt }),
        })),
      };
    },
  });
}

function decodeList({ pageSize, pageToken, filters, from, to, ascending }: AuditServiceListRequest): ListInput {
  if (filters.length > MOST_FILTERS || filters.some(({ length }) => length > MOST_FILTER_LENGTH))
    throw refused('filters', `must be at most ${MOST_FILTERS} of at most ${MOST_FILTER_LENGTH} characters`);
  return {
    filters,
    from: dateOf(from, 'from'),
    to: dateOf(to, 'to'),
    order: ascending ? 'asc' : 'desc',
    limit: pageSizeOf(pageSize, PAGES),
    cursor: pageToken === '' ? null : pageToken,
  };
}

/** Where a log is asked about. */
function placeOf(value: bigint, field: string): number {
  if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw refused(field, 'must be a place in the log');
}

const refused = (field: string, rule: string): Error =>
  invalidFields([{ field, constraint: 'range', message: `Field ${field}: ${rule}` }]);

const encodeCheckpoint = ({
  origin,
  size,
  root,
  note,
}: Checkpoint): MessageInitShape<typeof AuditCheckpointSchema> => ({ origin, size: BigInt(size), root, note });

const encodeEntry = (entry: Entry): MessageInitShape<typeof AuditEntrySchema> => ({
  id: entry.id,
  organizationId: entry.orgId,
  index: BigInt(entry.index),
  at: entry.at,
  action: entry.action,
  category: entry.category,
  actor: entry.actor,
  outcome: entry.outcome,
  principal: entry.principal,
  credential: entry.credential,
  via: entry.via,
  requestId: entry.requestId,
  detail: entry.detail as JsonObject,
  leafHash: entry.leafHash,
  ...present({
    target: entry.target,
    traceId: entry.traceId,
    personal: entry.personal as JsonObject | null,
    personalDigest: entry.personalDigest,
  }),
});
