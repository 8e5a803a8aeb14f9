import { AppError, toAppError } from '../../../kernel/errors.ts';
import { newEvaluationId, newId } from '../../../kernel/ids.ts';
import { operation } from '../../../platform/operation.ts';
import { isTool, resolveEngine } from '../../runners/index.ts';
import { evaluationErrors } from '../errors.ts';
import { type EvaluationRequest, isTerminal, limitsFor, previewOf } from '../model.ts';
import { asTarget, type EvaluationServices, orgOf, ownerOf, requireEvaluation, whenEnded } from '../services.ts';
import { type NewEvaluation, takeDeadLetterForRetry } from '../store.ts';
import { enqueue, type Submitted } from './enqueue.ts';

export type Submission = { request: EvaluationRequest; waitMs: number };
export type SubmitOutcome = { accepted: true; evaluation: Submitted } | { accepted: false; message: string };

export const submit = (services: EvaluationServices) =>
  operation({
    name: 'evaluations.evaluation.submit',
    summary: 'Submit code to be run in a sandbox.',
    scope: 'evaluations:write',
    narrows: true,
    effect: 'create',
    rate: 'evaluations',
    audit: {
      action: 'evaluation.submitted',
      target: (_input: Submission, output: Submitted) => asTarget(output.id),
      detail: ({ request }) => ({ language: request.language, engine: request.engine }),
    },
    async run(context, { request }) {
      const [submitted] = await enqueue(services, context, [newEvaluation(services, request)]);
      return submitted as Submitted;
    },
    async afterCommit(context, { waitMs }, output) {
      if (waitMs === 0) return output;
      const ended = await whenEnded(services, {
        orgId: orgOf(context),
        id: output.id,
        owner: null,
        waitMs,
        signal: context.call.signal,
      });
      return isTerminal(ended.state) ? { ...output, ended } : output;
    },
  });

export const submitBatch = (services: EvaluationServices) =>
  operation({
    name: 'evaluations.batch.submit',
    summary: 'Submit up to 100 pieces of code at once; each is accepted or refused on its own.',
    scope: 'evaluations:write',
    narrows: true,
    effect: 'create',
    rate: 'evaluations.batch',
    audit: {
      action: 'evaluation.batch_submitted',
      detail: (input: (EvaluationRequest | AppError)[], output: SubmitOutcome[]) => ({
        items: input.length,
        accepted: output.flatMap((item) => (item.accepted ? [item.evaluation.id] : [])),
      }),
    },
    async run(context, input): Promise<SubmitOutcome[]> {
      const batchId = newId();
      const prepared = input.map((item) =>
        attempt(() => (item instanceof AppError ? item : newEvaluation(services, item, { batchId }))),
      );
      const accepted = prepared.flatMap((item) => (item instanceof AppError ? [] : [item]));
      const submitted = accepted.length > 0 ? await enqueue(services, context, accepted) : [];
      let next = 0;
      return prepared.map((item) =>
        item instanceof AppError
          ? { accepted: false, message: item.message }
          : { accepted: true, evaluation: submitted[next++] as Submitted },
      );
    },
  });

export const retryDeadLetter = (services: EvaluationServices) =>
  operation({
    name: 'evaluations.dead_letter.retry',
    summary: 'Submit a dead letter again, as a new evaluation.',
    scope: 'evaluations:write',
    narrows: true,
    effect: 'create',
    rate: 'evaluations',
    audit: {
      action: 'evaluation.retried',
      target: (_input: { id: string }, output: Submitted) => asTarget(output.id),
      detail: (input) => ({ retry_of: input.id }),
    },
    async run(context, input) {
      if (context.ownOnly)
        await requireEvaluation(context.tx, { orgId: orgOf(context), id: input.id, owner: ownerOf(context) });
      const dead = await takeDeadLetterForRetry(context.tx, orgOf(context), input.id);
      if (!dead) throw evaluationErrors.not_found('There is no dead letter with this id.');
      const [submitted] = await enqueue(services, context, [{ ...dead, id: newEvaluationId(new Date()) }]);
      return submitted as Submitted;
    },
  });

/** Fills in what the caller left out, and chooses the engine. */
export const newEvaluation = (
  { fleet }: Pick<EvaluationServices, 'fleet'>,
  request: EvaluationRequest,
  { batchId = null, forNode = null }: Partial<Pick<NewEvaluation, 'batchId' | 'forNode'>> = {},
): NewEvaluation => {
  if (forNode === null && isTool(request.language))
    throw evaluationErrors.invalid(`"${request.language}" is a tool of workflows, and no language.`);
  return {
    id: newEvaluationId(new Date()),
    priority: request.priority,
    batchId,
    retryOf: null,
    forNode,
    language: request.language,
    engineAsked: request.engine,
    engine: resolveEngine(fleet.engines, {
      language: request.language,
      engine: request.engine,
      strict: request.engineStrict,
    }),
    code: request.code,
    codePreview: previewOf(request.code),
    stdin: request.stdin,
    args: request.args,
    env: request.env,
    files: request.files,
    outputs: request.outputs,
    limits: limitsFor(request),
    metadata: request.metadata,
  };
};

/** Turns the refusal of one item into a value: the others go on. Faults of ours, and an absent fleet, end all. */
function attempt<Value>(work: () => Value): Value | AppError {
  try {
    return work();
  } catch (thrown) {
    const refusal = toAppError(thrown);
    if (refusal.kind !== 'invalid') throw refusal;
    return refusal;
  }
}
