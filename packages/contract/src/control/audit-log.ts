import { z } from 'zod';

const Named = z.object({ type: z.string(), id: z.string() });

/** One entry of the audit log: evershell's fields, and what is needed to check it. */
export const AuditEntry = z
  .object({
    id: z.uuid(),
    org_id: z.string().meta({ description: 'All zeros: an act on the installation itself.' }),
    user_id: z
      .string()
      .meta({ description: 'The person who acted; `system` for keys, jobs and callers without a credential.' }),
    timestamp: z.iso.datetime(),
    event_type: z.string(),
    category: z.enum(['audit', 'activity']),
    actor: z.enum(['control-plane', 'policy-engine']),
    outcome: z.enum(['allowed', 'refused']),
    workspace_id: z.string().nullable(),
    task_id: z.string().nullable(),
    agent_role: z.string().nullable(),
    agent_provider: z.string().nullable(),
    principal: z.object({ kind: z.string(), id: z.string() }),
    credential: z.enum(['api_key', 'access_token', 'session', 'none']),
    via: z.enum(['http', 'websocket', 'grpc', 'cli', 'console', 'job']),
    target: Named.nullable(),
    request_id: z.string(),
    trace_id: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
    personal: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'Names and addresses of people: beside the leaf, so that they can be erased.' }),
    personal_digest: z.string().nullable(),
    index: z.int().meta({ description: 'Place in the tree of the organization.' }),
    leaf_hash: z.base64(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditCheckpoint = z
  .object({
    origin: z.string(),
    size: z.int(),
    root: z.base64(),
    note: z.string().meta({ description: 'Signed note (C2SP tlog-checkpoint).' }),
  })
  .meta({ id: 'AuditCheckpoint' });
export type AuditCheckpoint = z.infer<typeof AuditCheckpoint>;

export const AuditKey = z
  .object({
    id: z.string(),
    verifier: z.string().meta({ description: 'As tools for signed notes take it: name, key id, public key.' }),
    public_key: z.base64(),
    created_at: z.iso.datetime(),
    retired_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'AuditKey' });
export type AuditKey = z.infer<typeof AuditKey>;

const filter = z.string().max(2_000);
const selection = {
  filter: z
    .union([filter, z.array(filter).max(20)])
    .optional()
    .meta({ description: '`column=a,b`, `column!=a,b`, `column!=` (is set) or `column=` (is not); repeatable.' }),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
};

export const AuditListQuery = z.strictObject({
  ...selection,
  order: z.enum(['asc', 'desc']).default('desc'),
  limit: z.coerce.number().int().min(1).max(10_000).default(100),
  cursor: z.string().max(500).optional(),
});

export const AuditStatsQuery = z.strictObject({
  ...selection,
  group_by: z
    .string()
    .max(100)
    .regex(/^[^,]+(,[^,]+)?$/)
    .optional()
    .meta({ description: 'One column, or two separated by a comma.' }),
  time_bucket: z.enum(['auto', '5m', '15m', '1h', '6h', '1d']).default('auto'),
  metric: z.literal('count').default('count'),
  top: z
    .string()
    .regex(/^[1-9]\d{0,2}:\w{1,50}$/)
    .optional()
    .meta({ description: 'Only the most frequent values of a column: `10:event_type`.' }),
});

export const AuditStats = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    time_bucket: z.enum(['5m', '15m', '1h', '6h', '1d']),
    metric: z.literal('count'),
    group_by: z.array(z.string()),
    total: z.int(),
    buckets: z.array(
      z.object({ start: z.iso.datetime(), group: z.record(z.string(), z.string().nullable()), count: z.int() }),
    ),
  })
  .meta({ id: 'AuditStats' });

const log = z.enum(['organization', 'installation']).default('organization').meta({
  description: "The organization's log, or that of the installation itself, which is its administrators' to read.",
});
const place = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const AuditLogQuery = z.strictObject({ log });
export const InclusionQuery = z
  .strictObject({ log, index: place.optional(), leaf: z.string().max(64).optional(), size: place.optional() })
  .refine((query) => (query.index === undefined) !== (query.leaf === undefined), {
    message: 'give `index` or `leaf` (the id of an entry), and one of them only',
    path: ['index'],
  });
export const ConsistencyQuery = z.strictObject({ log, from: place, to: place.optional() });

export const InclusionProof = z.object({
  index: z.int(),
  size: z.int(),
  leaf_hash: z.base64(),
  root: z.base64(),
  path: z.array(z.base64()).meta({ description: 'RFC 6962, section 2.1.1.' }),
});
export const ConsistencyProof = z.object({
  from: z.int(),
  to: z.int(),
  from_root: z.base64(),
  to_root: z.base64(),
  path: z.array(z.base64()).meta({ description: 'RFC 6962, section 2.1.2.' }),
});
