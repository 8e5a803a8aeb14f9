import type { evaluationRoutes } from '@assay/contract';
import type { AnswerOf } from './contract-route.ts';
import { jsonOf } from './event-data.ts';
import type { SseFrame } from './sse-parser.ts';

type Status = AnswerOf<(typeof evaluationRoutes)['logs']>['status'];

/** A piece of a program's output, in the order in which it was written; or its end. */
export type LogEvent =
  | { type: 'output'; id: string; eval_id: string; stream: 'stdout' | 'stderr'; text: string }
  | {
      type: 'end';
      id: string;
      eval_id: string;
      status: Status;
      exit_code: number | null;
      /** How it failed, in one word and in a sentence; null when it did not. */
      reason: string | null;
      message: string | null;
    };

/** Reads a frame of the log stream; frames of kinds to come are left out. */
export function decodeLogEvent(frame: SseFrame): LogEvent | undefined {
  if (frame.event !== 'output' && frame.event !== 'end') return undefined;
  return { ...(jsonOf(frame) as object), type: frame.event, id: frame.id } as LogEvent;
}
