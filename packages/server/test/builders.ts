import { newEvaluationId, newId } from '../src/kernel/ids.ts';
import type { TestDatabase } from './database.ts';

export type EvaluationSeed = {
  orgId: string;
  priority?: number;
  code?: string;
  engine?: string;
  /** Seconds until it may no longer wait. */
  queueSeconds?: number;
};

const LIMITS = {
  wall_ms: 1000,
  cpu_ms: 1000,
  memory_mb: 64,
  processes: 8,
  cpus: 1,
  output_bytes: 1e6,
  file_size_mb: 8,
  disk_mb: 8,
  open_files: 64,
};

/** Puts an evaluation into the queue; gives its id. */
export async function aQueuedEvaluation(db: TestDatabase, seed: EvaluationSeed): Promise<string> {
  const id = `${newEvaluationId(new Date())}${newId().slice(0, 6)}`;
  await db.owner.query(
    `insert into evaluations (org_id, id, priority, language, engine_asked, engine, code, code_preview, limits,
       created_by_kind, created_by, queue_deadline)
     values ($1, $2, $3, 'python', 'auto', $4, $5, $5, $6, 'user', $7, now() + make_interval(secs => $8))`,
    [
      seed.orgId,
      id,
      seed.priority ?? 0,
      seed.engine ?? 'bubblewrap',
      seed.code ?? 'print(1)',
      LIMITS,
      newId(),
      seed.queueSeconds ?? 3600,
    ],
  );
  return id;
}

/** The state of an evaluation as the table has it. */
export async function stateOf(db: TestDatabase, id: string): Promise<Record<string, unknown>> {
  const { rows } = await db.owner.query(
    'select state, attempt, fence, reason, output, error, output_asset_id, runner_id, dead_lettered_at is not null as dead from evaluations where id = $1',
    [id],
  );
  return rows[0] as Record<string, unknown>;
}

/** Types of the events about a subject, in order. */
export async function eventsOf(db: TestDatabase, subject: string): Promise<string[]> {
  const { rows } = await db.owner.query<{ type: string }>(
    'select type from events where subject = $1 order by xid, id',
    [subject],
  );
  return rows.map(({ type }) => type);
}
