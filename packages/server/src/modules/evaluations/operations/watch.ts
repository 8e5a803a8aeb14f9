import { operation } from '../../../platform/operation.ts';
import { type Evaluation, queuePosition } from '../model.ts';
import { followOutput, type OutputChunk, readPieces } from '../output.ts';
import * as reads from '../reads.ts';
import { type EvaluationServices, orgOf, ownerOf, requireEvaluation, whenEnded } from '../services.ts';

const READ = { scope: 'evaluations:read', narrows: true, effect: 'read', rate: 'evaluations', audit: null } as const;

export const getEvaluation = (services: EvaluationServices) =>
  operation({
    ...READ,
    name: 'evaluations.evaluation.get',
    summary: 'Get an evaluation; with a wait, once it has ended or the wait is over.',
    async run(context, { id, waitMs }: { id: string; waitMs: number }): Promise<Evaluation> {
      const reached = { orgId: orgOf(context), id, owner: ownerOf(context) };
      if (waitMs === 0) return requireEvaluation(context.tx, reached);
      return whenEnded(services, { ...reached, waitMs, signal: context.call.signal });
    },
  });

export const getQueuePosition = (services: EvaluationServices) =>
  operation({
    ...READ,
    rate: 'included',
    name: 'evaluations.queue_position.get',
    summary: 'The place of a queued evaluation in the queue; null when it no longer waits.',
    async run(context, { id, priority }: { id: string; priority: number }): Promise<number | null> {
      const orgId = orgOf(context);
      if (context.ownOnly) await requireEvaluation(context.tx, { orgId, id, owner: ownerOf(context) });
      const ahead = await reads.countOwnAhead(context.tx, orgId, id);
      if (ahead === null) return null;
      const backlog = await services.systemStatements((system) => reads.readBacklog(system, orgId));
      const asIfNew = backlog.map((row) =>
        row.orgId === orgId && row.priority === priority ? { ...row, queued: Math.min(row.queued, ahead) } : row,
      );
      return queuePosition(asIfNew, orgId, priority, 1);
    },
  });

export const listEvaluations = operation({
  ...READ,
  name: 'evaluations.evaluation.list',
  summary: "List the organization's evaluations, newest first.",
  async run(context, input: reads.ListRequest) {
    const within = { orgId: orgOf(context), owner: ownerOf(context) };
    const total = async (): Promise<number> => {
      if (input.state !== null && within.owner === null)
        return reads.countInState(context.tx, within.orgId, input.state);
      const counts = await reads.countEvaluations(context.tx, within);
      if (input.state !== null) return counts.get(input.state) ?? 0;
      return [...counts.values()].reduce((sum, count) => sum + count, 0);
    };
    const [items, count] = await Promise.all([reads.listEvaluations(context.tx, within, input), total()]);
    return { items, total: count };
  },
});

export const listDeadLetters = operation({
  ...READ,
  name: 'evaluations.dead_letter.list',
  summary: 'Evaluations that failed through no fault of their code.',
  run: async (context, input: { limit: number; offset: number }) =>
    reads.listDeadLetters(context.tx, { orgId: orgOf(context), owner: ownerOf(context) }, input),
});

export const followLogs = (services: EvaluationServices) =>
  operation({
    ...READ,
    name: 'evaluations.output.follow',
    summary: 'Follow the output of an evaluation from its start, or from where an earlier stream ended.',
    transaction: 'none',
    async run(context, input: { id: string; stdout: number; stderr: number }): Promise<AsyncIterable<OutputChunk>> {
      const orgId = orgOf(context);
      const reached = { orgId, id: input.id, owner: ownerOf(context) };
      await services.statements(orgId, (tx) => requireEvaluation(tx, reached));
      return followOutput({ ...services, ...input, orgId, signal: context.call.signal });
    },
  });

export const readOutputSoFar = operation({
  ...READ,
  rate: 'included',
  name: 'evaluations.output.get',
  summary: 'The output of a running evaluation as far as it has arrived.',
  async run(context, { id }: { id: string }) {
    const reached = { orgId: orgOf(context), id, owner: ownerOf(context) };
    if (reached.owner !== null) await requireEvaluation(context.tx, reached);
    return readPieces(context.tx, reached.orgId, id);
  },
});
