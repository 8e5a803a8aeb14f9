import { z } from 'zod';
import { IsolationReceipt } from '../runner/isolation.ts';

/** Longest program, bytes of UTF-8 (crucible-platform). */
const MAX_CODE_BYTES = 1 << 20;
export const MAX_BATCH = 100;

export const EvaluationStatus = z.enum(['queued', 'running', 'completed', 'failed', 'timeout', 'cancelled']);

const bytes = (text: string): number => new TextEncoder().encode(text).length;
const withoutNul = (text: string): boolean => !text.includes('\0');

/** A relative path that stays below the working directory: no empty, `.` or `..` part, no backslash, no control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses.
const SAFE_PATH = /^(?!\/)(?!(?:.*\/)?\.{0,2}(?:\/|$))[^\\\u0000-\u001f\u007f]+$/;
const RelativePath = z
  .string()
  .min(1)
  .max(255)
  .regex(SAFE_PATH, 'must be a relative path below the working directory, without empty, "." or ".." parts');

const EnvironmentName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name of letters, digits and underscores');

/** `POST /api/eval`. The first four fields are the seed's; the rest go beyond it. */
export const EvaluationRequest = z
  .strictObject({
    code: z
      .string()
      .refine((code) => code.trim() !== '', 'must not be blank')
      .refine((code) => bytes(code) <= MAX_CODE_BYTES, 'must be at most 1 MiB of UTF-8')
      .refine(withoutNul, 'must not contain a NUL character')
      .meta({ description: 'The program.', example: "print('Hello, World!')" }),
    language: z
      .string()
      .min(1)
      .max(40)
      .default('python')
      .meta({ description: 'One of GET /api/languages.', example: 'python' }),
    engine: z.string().min(1).max(40).default('auto').meta({
      description: 'The weakest isolation that will do: `auto`, or one of GET /api/engines.',
      example: 'docker',
    }),
    engine_strict: z.boolean().default(false).meta({ description: 'Refuse any engine but the one named.' }),
    timeout: z.int().min(1).max(300).default(30).meta({ description: 'Seconds of wall time.', example: 30 }),
    stdin: z.string().max(MAX_CODE_BYTES).refine(withoutNul, 'must not contain a NUL character').default(''),
    args: z.array(z.string().max(10_000).refine(withoutNul, 'must not contain a NUL character')).max(100).default([]),
    env: z
      .record(EnvironmentName, z.string().max(10_000).refine(withoutNul, 'must not contain a NUL character'))
      .default({}),
    files: z
      .array(z.strictObject({ path: RelativePath, content: z.base64().meta({ description: 'Base64.' }) }))
      .max(50)
      .default([])
      .meta({ description: 'Files to put into the working directory.' }),
    outputs: z
      .array(RelativePath)
      .max(50)
      .default([])
      .meta({ description: 'Files to bring back, `*` and `**` allowed; they become assets.' }),
    memory_mb: z.int().min(16).max(4096).optional(),
    cpu: z.number().min(0.1).max(8).optional().meta({ description: 'Cores.' }),
    processes: z.int().min(1).max(1024).optional(),
    network: z.literal('none').default('none').meta({ description: 'Programs have no network.' }),
    priority: z.int().min(0).max(2000).default(0).meta({ description: 'Higher runs earlier.' }),
    metadata: z
      .record(z.string().max(100), z.unknown())
      .refine((value) => JSON.stringify(value).length <= 16_384, 'must be at most 16 KiB as JSON')
      .default({}),
  })
  .meta({ id: 'EvaluationRequest' });
export type EvaluationRequest = z.infer<typeof EvaluationRequest>;

export const SubmitAnswer = z
  .object({
    eval_id: z.string().meta({ example: 'eval_20250629_123456_abc123' }),
    status: z.literal('queued'),
    message: z.string(),
    queue_position: z.int().min(1).meta({ description: 'Place in the queue in the order of dispatch.' }),
  })
  .meta({ id: 'EvaluationSubmitted' });

export const StatusAnswer = z
  .object({
    eval_id: z.string(),
    status: EvaluationStatus,
    created_at: z.iso.datetime(),
    completed_at: z.iso.datetime().nullable(),
    output: z.string(),
    error: z.string(),
    success: z.boolean(),
    exit_code: z.int().nullable(),
    runtime_ms: z.number().nullable(),
    output_truncated: z.boolean(),
    metadata: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Given at submission; `reason` and `message` say how a run failed.' }),
  })
  .meta({ id: 'EvaluationStatusAnswer' });

/** `POST /api/eval?wait=`, when the end came in time. */
export const WaitedAnswer = StatusAnswer.extend({ message: z.string(), queue_position: z.int().min(1) }).meta({
  id: 'EvaluationEnded',
});

const ResultFile = z.object({
  path: z.string(),
  size: z.int().optional(),
  asset_id: z.string().optional(),
  skipped: z.string().optional().meta({ description: 'Why it could not be brought back.' }),
});

/** `GET /api/eval/{eval_id}`: everything that is kept. */
export const EvaluationRecord = StatusAnswer.extend({
  language: z.string(),
  engine: z.string().meta({ description: 'The engine that serves it.' }),
  engine_asked: z.string(),
  code: z.string(),
  priority: z.int(),
  queue_position: z.int().nullable(),
  batch_id: z.string().nullable(),
  retry_of: z.string().nullable(),
  workflow_run_id: z.string().nullable().meta({ description: 'The run of a workflow that asked for it.' }),
  workflow_node: z.string().nullable().meta({ description: 'The node of that run which waits for it.' }),
  created_by: z.object({ kind: z.string(), id: z.string() }),
  started_at: z.iso.datetime().nullable(),
  attempt: z.int(),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  signal: z.string().nullable(),
  compile_ms: z.number().nullable(),
  cpu_ms: z.number().nullable(),
  memory_peak_mb: z.number().nullable(),
  output_asset_id: z.string().nullable(),
  error_asset_id: z.string().nullable(),
  files: z.array(ResultFile),
  limits: z.record(z.string(), z.number()),
  receipt: IsolationReceipt.nullable(),
}).meta({ id: 'EvaluationRecord' });

export const BatchRequest = z
  .strictObject({ evaluations: z.array(z.unknown()).min(1).max(MAX_BATCH) })
  .meta({ id: 'EvaluationBatchRequest' });

export const BatchAnswer = z
  .object({
    evaluations: z.array(
      z.object({
        eval_id: z.string().nullable(),
        status: z.enum(['queued', 'failed']),
        message: z.string(),
        queue_position: z.int().optional(),
      }),
    ),
    total: z.int(),
    queued: z.int(),
    failed: z.int(),
  })
  .meta({ id: 'EvaluationBatchAnswer' });

export const LogsAnswer = z
  .object({
    eval_id: z.string(),
    output: z.string(),
    error: z.string(),
    is_running: z.boolean(),
    exit_code: z.int().nullable(),
    status: EvaluationStatus,
  })
  .meta({ id: 'EvaluationLogs' });

export const KillAnswer = z
  .object({ eval_id: z.string(), killed: z.boolean(), message: z.string() })
  .meta({ id: 'EvaluationKilled' });

export const CancelAnswer = z
  .object({ eval_id: z.string(), cancelled: z.boolean(), status: EvaluationStatus, message: z.string() })
  .meta({ id: 'EvaluationCancelled' });

export const ListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  offset: z.coerce.number().int().min(0).max(10_000_000).default(0),
  status: EvaluationStatus.optional(),
});

export const ListAnswer = z
  .object({
    evaluations: z.array(
      z.object({
        eval_id: z.string(),
        status: EvaluationStatus,
        created_at: z.iso.datetime(),
        code_preview: z.string(),
        success: z.boolean(),
        completed_at: z.iso.datetime().nullable(),
        language: z.string(),
        engine: z.string(),
        exit_code: z.int().nullable(),
        runtime_ms: z.number().nullable(),
        reason: z.string().nullable(),
      }),
    ),
    count: z.int().meta({ description: 'How many match in all.' }),
    limit: z.int(),
    offset: z.int(),
    has_more: z.boolean(),
  })
  .meta({ id: 'EvaluationList' });

/** Frames of `/ws` (crucible-platform). `id` resumes: `?after=`. */
export const SocketMessage = z
  .object({
    type: z.enum(['status_update', 'output_chunk', 'completed', 'error']),
    eval_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    id: z.string().optional(),
  })
  .meta({ id: 'EvaluationSocketMessage' });
export type SocketMessage = z.infer<typeof SocketMessage>;
