import { operation } from '../../../platform/operation.ts';
import { cancelEvaluation } from '../endings-on-request.ts';
import { evaluationErrors } from '../errors.ts';
import { asTarget, type EvaluationServices, orgOf, ownerOf, requireEvaluation, whenEnded } from '../services.ts';

export type KillRequest = { id: string; reason: 'killed' | 'cancelled' };
export type KillOutcome = { id: string; wasKilled: boolean; state: string };

/** A kill answers when the end is recorded; the janitor forces it well before this. */
const KILL_WAIT_MS = 3_000;

export const kill = (services: EvaluationServices) =>
  operation({
    name: 'evaluations.evaluation.kill',
    summary: 'End an evaluation, queued or running, with everything it started.',
    scope: 'evaluations:write',
    narrows: true,
    effect: 'wind_down',
    rate: 'evaluations',
    audit: {
      action: 'evaluation.killed',
      target: (input: KillRequest, _output: KillOutcome) => asTarget(input.id),
      detail: (input, output) => ({ how: input.reason, had_ended: !output.wasKilled }),
    },
    async run(context, { id, reason }) {
      const reached = { orgId: orgOf(context), id, owner: ownerOf(context) };
      if (reached.owner !== null) await requireEvaluation(context.tx, reached);
      const marked = await cancelEvaluation(context.tx, { orgId: reached.orgId, id, reason }, services);
      if (!marked) throw evaluationErrors.not_found('There is no evaluation with this id.');
      return { id, wasKilled: !marked.wasTerminal, state: marked.state };
    },
    async afterCommit(context, { id }, output) {
      if (output.state !== 'running') return output;
      const { signal } = context.call;
      const { state } = await whenEnded(services, {
        orgId: orgOf(context),
        id,
        owner: null,
        waitMs: KILL_WAIT_MS,
        signal,
      });
      return { id, wasKilled: state === 'cancelled', state };
    },
  });
