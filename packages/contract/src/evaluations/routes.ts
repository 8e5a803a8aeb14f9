import { z } from 'zod';
import { route } from '../route.ts';
import * as evaluation from './evaluation.ts';
import * as platform from './platform.ts';

const EvaluationId = z.object({ eval_id: z.string().max(64) });
const Wait = z.object({
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .default(0)
    .meta({ description: 'Seconds to wait for the end before answering.' }),
});

/** The `evaluations` surface: every route of crucible-platform, and the ones beyond it. */
export const evaluationRoutes = {
  submit: route({
    surface: 'evaluations',
    method: 'POST',
    path: '/api/eval',
    operation: 'evaluations.evaluation.submit',
    summary: 'Submit code for evaluation',
    query: Wait,
    body: evaluation.EvaluationRequest,
    answers: {
      200: {
        description: 'Queued; or, with `wait` and an end in time, the result as `/api/eval-status` shows it.',
        schema: z.union([evaluation.SubmitAnswer, evaluation.WaitedAnswer]),
      },
    },
  }),
  status: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/eval-status/{eval_id}',
    operation: 'evaluations.evaluation.get',
    summary: 'Status and result of an evaluation',
    params: EvaluationId,
    query: Wait,
    answers: { 200: { description: 'The evaluation.', schema: evaluation.StatusAnswer } },
  }),
  submitBatch: route({
    surface: 'evaluations',
    method: 'POST',
    path: '/api/eval-batch',
    operation: 'evaluations.batch.submit',
    summary: 'Submit up to 100 evaluations at once',
    body: evaluation.BatchRequest,
    answers: { 200: { description: 'Each item accepted or refused on its own.', schema: evaluation.BatchAnswer } },
  }),
  record: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/eval/{eval_id}',
    operation: 'evaluations.evaluation.get',
    summary: 'Everything kept of an evaluation, the isolation receipt included',
    params: EvaluationId,
    query: Wait,
    answers: { 200: { description: 'The record.', schema: evaluation.EvaluationRecord } },
  }),
  logs: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/eval/{eval_id}/logs',
    operation: 'evaluations.output.follow',
    summary: 'Output so far; with `Accept: text/event-stream`, followed to the end',
    params: EvaluationId,
    answers: { 200: { description: 'The output.', schema: evaluation.LogsAnswer, otherMedia: ['text/event-stream'] } },
    streams: true,
  }),
  kill: route({
    surface: 'evaluations',
    method: 'POST',
    path: '/api/eval/{eval_id}/kill',
    operation: 'evaluations.evaluation.kill',
    summary: 'Terminate an evaluation, queued or running',
    params: EvaluationId,
    answers: { 200: { description: 'Whether this call ended it.', schema: evaluation.KillAnswer } },
  }),
  cancel: route({
    surface: 'evaluations',
    method: 'POST',
    path: '/api/eval/{eval_id}/cancel',
    operation: 'evaluations.evaluation.kill',
    summary: 'Cancel an evaluation in any state',
    params: EvaluationId,
    answers: { 200: { description: 'How it stands now.', schema: evaluation.CancelAnswer } },
  }),
  list: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/evaluations',
    operation: 'evaluations.evaluation.list',
    summary: 'Evaluation history',
    query: evaluation.ListQuery,
    answers: { 200: { description: 'A page, newest first.', schema: evaluation.ListAnswer } },
  }),
  queueStatus: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/queue-status',
    operation: 'evaluations.evaluation.count',
    summary: 'Queue statistics',
    answers: { 200: { description: 'Counts.', schema: platform.QueueAnswer } },
  }),
  platformStatus: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/status',
    operation: 'evaluations.platform.get',
    summary: 'Platform health; counts are of the caller’s organization and zero without a credential',
    answers: { 200: { description: 'What was checked just now.', schema: platform.PlatformAnswer } },
    isPublic: true,
  }),
  languages: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/languages',
    operation: 'evaluations.offer.list',
    summary: 'Languages that the runners really have',
    answers: { 200: { description: 'Languages with versions.', schema: platform.LanguagesAnswer } },
  }),
  engines: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/engines',
    operation: 'evaluations.offer.list',
    summary: 'Isolation engines that passed their self-attack, and those that did not with the fix',
    answers: { 200: { description: 'Engines.', schema: platform.EnginesAnswer } },
  }),
  statistics: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/statistics',
    operation: 'evaluations.statistics.get',
    summary: 'What ended in the last hours',
    query: z.object({ hours: z.coerce.number().int().min(1).max(720).default(24) }),
    answers: { 200: { description: 'Counts and run times.', schema: platform.StatisticsAnswer } },
  }),
  deadLetters: route({
    surface: 'evaluations',
    method: 'GET',
    path: '/api/dead-letters',
    operation: 'evaluations.dead_letter.list',
    summary: 'Evaluations that failed through no fault of their code',
    query: evaluation.ListQuery.omit({ status: true }),
    answers: {
      200: {
        description: 'Dead letters, newest first.',
        schema: z
          .object({ dead_letters: z.array(evaluation.EvaluationRecord), limit: z.int(), offset: z.int() })
          .meta({ id: 'DeadLetters' }),
      },
    },
  }),
  retryDeadLetter: route({
    surface: 'evaluations',
    method: 'POST',
    path: '/api/dead-letters/{eval_id}/retry',
    operation: 'evaluations.dead_letter.retry',
    summary: 'Submit a dead letter again',
    params: EvaluationId,
    answers: { 200: { description: 'The new evaluation.', schema: evaluation.SubmitAnswer } },
  }),
};
