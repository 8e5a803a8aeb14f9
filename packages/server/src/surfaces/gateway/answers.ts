import type { FastifyReply } from 'fastify';
import { type AppError, toAppError } from '../../kernel/errors.ts';
import { decimalDollars } from '../../kernel/money.ts';
import type {
  CallBill,
  ChatEvent,
  ChatResponse,
  JsonObject,
  StreamedAnswer,
  WholeAnswer,
} from '../../modules/providers/index.ts';
import { rateHeaders, setHeaders } from '../http/headers.ts';
import type { HttpCall } from '../http/http-call.ts';
import { sendStream } from '../http/sse.ts';

/** How a dialect shows an answer. */
export type AnswerFormat = {
  whole(answer: ChatResponse): JsonObject;
  writer(): { write(event: ChatEvent): JsonObject[]; end(): JsonObject[] };
  /** One event of a stream as text. */
  frame(event: JsonObject): string;
  /** What follows the last event of a stream. */
  tail: string;
  /** An error in the middle of a stream. */
  failure(error: AppError, call: HttpCall): string;
  /** Whether a piece that was not asked for is kept from the client. */
  hides(events: readonly ChatEvent[]): boolean;
};

function servedHeaders(of: Pick<CallBill, 'provider' | 'model' | 'budgetLeft'>): Record<string, string> {
  return {
    'x-assay-provider': of.provider,
    'x-assay-model': of.model,
    ...(of.budgetLeft === null ? {} : { 'x-assay-budget-remaining': decimalDollars(of.budgetLeft) }),
  };
}

/** Headers of an answer that has been billed. */
export const billHeaders = (bill: CallBill): Record<string, string> => ({
  ...servedHeaders(bill),
  ...(bill.cost === null ? {} : { 'x-assay-cost': decimalDollars(bill.cost) }),
  ...(bill.isEstimated ? { 'x-assay-usage': 'estimated' } : {}),
});

/** Sends an answer that is whole: the provider's own bytes where both speak the same dialect. */
export function sendWhole(reply: FastifyReply, { raw, answer, bill }: WholeAnswer, format: AnswerFormat): unknown {
  setHeaders(reply, billHeaders(bill));
  if (bill.recorded) reply.header('x-assay-recorded', bill.recorded);
  if (raw === null) return format.whole(answer);
  reply.header('content-type', 'application/json; charset=utf-8');
  return raw;
}

/** Sends an answer as it comes, and what it cost in a comment behind it. */
export async function sendStreamed(
  reply: FastifyReply,
  { call, answer, format }: { call: HttpCall; answer: StreamedAnswer; format: AnswerFormat },
): Promise<void> {
  const { served, budgetLeft } = answer;
  const headers = {
    ...(reply.getHeaders() as Record<string, string>),
    ...rateHeaders(call.notes.rate),
    ...servedHeaders({ provider: served.provider.name, model: served.model, budgetLeft }),
  };
  await sendStream(reply, chunksOf(call, answer, format), { headers, signal: call.signal });
}

async function* chunksOf(
  call: HttpCall,
  answer: StreamedAnswer,
  format: AnswerFormat,
): AsyncGenerator<string | Buffer> {
  const writer = format.writer();
  let isTranslated = false;
  try {
    for await (const { raw, events } of answer.pieces) {
      if (raw === null) isTranslated = true;
      const chunk =
        raw === null
          ? events
              .flatMap((event) => writer.write(event))
              .map(format.frame)
              .join('')
          : raw;
      if (chunk.length > 0 && !(raw !== null && format.hides(events))) yield chunk;
    }
    if (isTranslated) yield `${writer.end().map(format.frame).join('')}${format.tail}`;
    const { cost, recorded } = await answer.bill;
    if (cost !== null) yield `: assay cost=${decimalDollars(cost)}\n\n`;
    if (recorded) yield `: assay recorded=${recorded}\n\n`;
  } catch (thrown) {
    yield format.failure(toAppError(thrown), call);
  }
}
