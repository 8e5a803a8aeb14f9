import { z } from 'zod';
import { OfferedEngine, OfferedLanguage, RefusedEngine } from '../runner/isolation.ts';

export const QueueAnswer = z
  .object({ queued: z.int(), processing: z.int(), queue_length: z.int(), total_tasks: z.int() })
  .meta({ id: 'QueueStatus', description: "The organization's own tasks." });

const Health = z.enum(['healthy', 'degraded', 'unhealthy']);

export const PlatformAnswer = z
  .object({
    platform: Health,
    mode: z.enum(['embedded', 'microservices']),
    services: z.object({ gateway: Health, queue: Health, storage: Health, executor: Health }),
    queue: z.object({ queued: z.int(), processing: z.int() }),
    storage: z.object({ total_evaluations: z.int(), by_status: z.record(z.string(), z.int()) }),
    version: z.string(),
  })
  .meta({ id: 'PlatformStatus' });

export const LanguagesAnswer = z.object({ languages: z.array(OfferedLanguage) }).meta({ id: 'Languages' });

export const EnginesAnswer = z
  .object({ engines: z.array(OfferedEngine), refused: z.array(RefusedEngine), default: z.literal('auto') })
  .meta({ id: 'Engines' });

export const StatisticsAnswer = z
  .object({
    hours: z.int(),
    by_engine_and_language: z.array(
      z.object({
        engine: z.string(),
        language: z.string(),
        ended: z.int(),
        completed: z.int(),
        median_ms: z.number().nullable(),
        p95_ms: z.number().nullable(),
        cpu_ms: z.number().nullable(),
      }),
    ),
  })
  .meta({ id: 'EvaluationStatistics' });

/** Errors of this surface. */
export const EvaluationsError = z
  .object({ error: z.string(), detail: z.string(), status_code: z.int() })
  .meta({ id: 'EvaluationsError' });
