import { controlRoutes as routes } from '@assay/contract';
import { toAppError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { dollarsOf } from '../../kernel/money.ts';
import {
  type CallBill,
  type ChatEvent,
  type ChatResponse,
  type chatOperations,
  type EmbeddingAnswer,
  type embeddingOperations,
  invalidRequest,
  type StreamedAnswer,
} from '../../modules/providers/index.ts';
import { cacheHeaders } from '../http/caching.ts';
import { rateHeaders, setHeaders } from '../http/headers.ts';
import type { HttpKit } from '../http/kit.ts';
import { chatOf, embeddingOf, encodeEstimate } from '../http/model-calls.ts';
import { type SseFrame, sendEvents } from '../http/sse.ts';
import type { Surface } from '../http/surface.ts';
import { envelope } from './envelope.ts';
import { codeOf } from './render-error.ts';

type CallOperations = ReturnType<typeof chatOperations> & ReturnType<typeof embeddingOperations>;

/** Calls to models in Assay's own words. */
export function serveModelCalls(surface: Surface, { operator }: HttpKit, of: CallOperations): void {
  const run = operator.run.bind(operator);

  surface.serve(routes.execute, async ({ body }, call, { request, reply }) => {
    const links = { self: '/v1/providers/execute' };
    if (body.modality === 'embedding') {
      const execution = encodeEmbedding(await run(of.executeEmbedding, call, embeddingOf(body, request.headers)));
      return envelope(call, { status: 200, data: { execution }, links });
    }
    const answer = await run(of.executeChat, call, chatOf(body, request.headers, false));
    setHeaders(reply, cacheHeaders(call));
    if (answer.kind !== 'whole') throw new Error('A whole answer was asked for.');
    if (answer.bill.recorded) reply.header('x-assay-recorded', answer.bill.recorded);
    const execution = encodeExecution(answer.answer, answer.bill);
    return envelope(call, { status: 200, data: { execution }, links });
  });

  surface.serve(routes.executeStream, async ({ body }, call, { request, reply }) => {
    if (body.modality === 'embedding')
      throw invalidRequest('modality', 'Vectors are not streamed. Ask for them with POST /v1/providers/execute.');
    const answer = await run(of.executeChat, call, chatOf(body, request.headers, true));
    if (answer.kind !== 'stream') throw new Error('A stream was asked for.');
    const headers = { 'x-request-id': call.requestId, ...rateHeaders(call.notes.rate), ...cacheHeaders(call) };
    await sendEvents(reply, framesOf(answer, call.requestId), { headers, signal: call.signal });
    return undefined;
  });

  surface.serve(routes.estimate, async ({ body }, call, { request }) => {
    const estimate =
      body.modality === 'embedding'
        ? await run(of.estimateEmbedding, call, embeddingOf(body, request.headers))
        : await run(of.estimateChat, call, chatOf(body, request.headers, false));
    return envelope(call, {
      status: 200,
      data: { estimate: encodeEstimate(estimate) },
      links: { self: '/v1/providers/estimate' },
    });
  });
}

const encodeUsage = ({ usage, isEstimated, cost, priceVersion }: CallBill) => ({
  input_tokens: usage.input,
  cache_read_tokens: usage.cacheRead,
  cache_write_tokens: usage.cacheWrite,
  output_tokens: usage.output,
  reasoning_tokens: usage.reasoning,
  is_estimated: isEstimated,
  cost_usd: cost === null ? null : dollarsOf(cost),
  price_version: priceVersion,
});

export const encodeEmbedding = ({ vectors, bill }: EmbeddingAnswer) => ({
  id: `embd-${newId()}`,
  provider: bill.provider,
  model: bill.model,
  output: { embeddings: vectors.map((vector) => Array.from(vector)) },
  usage: encodeUsage(bill),
});

export const encodeExecution = (answer: ChatResponse, bill: CallBill) => ({
  id: answer.id,
  provider: bill.provider,
  model: bill.model,
  output: {
    text: answer.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(''),
    tool_calls: answer.content.flatMap((part) =>
      part.type === 'tool_call' ? [{ id: part.id, name: part.name, arguments: part.arguments }] : [],
    ),
    stop_reason: answer.stopReason,
  },
  usage: encodeUsage(bill),
});

/** What an event of an answer is called on this stream, and what it carries; null for what is not told. */
function told(event: ChatEvent): [name: string, data: object] | null {
  switch (event.type) {
    case 'text':
      return ['execution.delta', { text: event.text }];
    case 'reasoning':
      return ['execution.reasoning', { text: event.text }];
    case 'tool_call':
      return ['execution.tool_call', { index: event.index, id: event.id, name: event.name }];
    case 'tool_arguments':
      return ['execution.tool_arguments', { index: event.index, text: event.text }];
    default:
      return null;
  }
}

async function* framesOf({ served, pieces, bill }: StreamedAnswer, requestId: string): AsyncGenerator<SseFrame> {
  let number = 0;
  let stopReason = 'stop';
  const frame = (event: string, data: object): SseFrame => ({
    id: String(number++),
    event,
    data: { type: event, ...data },
  });
  yield frame('execution.started', { request_id: requestId, provider: served.provider.name, model: served.model });
  try {
    for await (const { events } of pieces) {
      for (const event of events) {
        if (event.type === 'finish') stopReason = event.reason;
        const said = told(event);
        if (said) yield frame(...said);
      }
    }
  } catch (thrown) {
    const error = toAppError(thrown);
    const shown = { code: codeOf(error), message: error.message, request_id: requestId };
    yield frame('execution.failed', { request_id: requestId, error: shown, usage: encodeUsage(await bill) });
    return;
  }
  const settled = await bill;
  yield frame('execution.completed', {
    request_id: requestId,
    provider: settled.provider,
    model: settled.model,
    stop_reason: stopReason,
    ...(settled.recorded ? { recorded: settled.recorded } : {}),
    usage: encodeUsage(settled),
  });
}
