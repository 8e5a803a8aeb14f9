import type { Caller } from '../product/caller.ts';
import { GREETING, type Greeting } from './programs.ts';

/** What an evaluation's record says about its time and its sandbox. */
export type EvaluationRecord = {
  eval_id: string;
  created_at: string;
  started_at: string;
  completed_at: string;
  runtime_ms: number;
  engine: string;
  receipt: { level: string; prestarted: boolean };
};

/**
 * Submits a program and waits for its end, in one request.
 * @returns the id of the evaluation
 * @throws Error when it did not end as it should
 */
export async function evaluate(caller: Caller, { language, code }: Greeting, more: object = {}): Promise<string> {
  const { status, body } = await caller.post('/api/eval?wait=30', { language, code, ...more });
  const ended = body as { eval_id?: string; status?: string; output?: string };
  if (status === 200 && ended.status === 'completed' && ended.output === GREETING && ended.eval_id)
    return ended.eval_id;
  throw new Error(`An evaluation did not end as it should: ${status} ${JSON.stringify(body)}`);
}

/** Reads what is kept of an evaluation. */
export async function readRecord(caller: Caller, id: string): Promise<EvaluationRecord> {
  const { status, body } = await caller.get(`/api/eval/${id}`);
  if (status !== 200) throw new Error(`${id} cannot be read: ${status} ${JSON.stringify(body)}`);
  return body as EvaluationRecord;
}
