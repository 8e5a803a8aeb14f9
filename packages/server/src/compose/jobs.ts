import type { ExecuteRequest } from '@assay/contract';
import type { Json } from '../kernel/json.ts';
import { usageOfWork } from '../modules/metering/index.ts';
import { gathered, type StreamedAnswer } from '../modules/providers/index.ts';
import { completed, type Handler, type JobServices, type Task } from '../modules/workflows/index.ts';
import type { Call } from '../platform/operation.ts';
import { encodeEmbedding, encodeExecution } from '../surfaces/control/index.ts';
import { attributionOfJob, type JobBilling } from '../surfaces/http/jobs.ts';
import { chatOf, embeddingOf } from '../surfaces/http/model-calls.ts';
import type { Core } from './core.ts';
import type { Operations } from './operations.ts';

/** What jobs need of those whom they do not know. */
export const jobServices = ({ ready, ended }: Pick<JobServices, 'ready' | 'ended'>): JobServices => ({
  ready,
  ended,
  usageOf: usageOfWork,
});

/**
 * Does what a job asks for, as the same request to `/v1/providers/execute` would, in the name of whoever made it. A model is
 * asked for a stream that nobody sees: a job that is cancelled stops the provider in the middle.
 */
export const jobHandler =
  (
    { operator }: Pick<Core, 'operator'>,
    { providers }: Pick<Operations, 'providers'>,
    callFor: (task: Task) => Promise<Call>,
  ): Handler =>
  async (task) => {
    const { modality, billed_to, ...asked } = requestOf(task);
    if (modality === 'noop') return completed(asked.input as Json);
    const attribution = {
      ...attributionOfJob({ ...(billed_to && { billed_to }) }),
      work: { type: 'job', id: task.runId },
    };
    const call = await callFor(task);
    if (modality === 'embedding') {
      const input = embeddingOf({ ...asked, modality }, {});
      const answer = await operator.run(providers.executeEmbedding, call, { ...input, attribution });
      return completed(encodeEmbedding(answer));
    }
    const input = chatOf({ ...asked, modality }, {}, true);
    const answer = await operator.run(providers.executeChat, call, { ...input, attribution });
    if (answer.kind !== 'stream') throw new Error('A stream was asked for.');
    const said = await gathered(eventsOf(answer.pieces));
    return completed(encodeExecution(said, await answer.bill));
  };

type Asked = Omit<ExecuteRequest, 'modality'> & JobBilling & { modality: ExecuteRequest['modality'] | 'noop' };

/** What was asked, as it was read when the job was made. */
const requestOf = ({ variables }: Task): Asked => variables.input as unknown as Asked;

async function* eventsOf(pieces: StreamedAnswer['pieces']) {
  for await (const { events } of pieces) yield* events;
}
