import { ExecuteRequest } from '@assay/contract';
import type {
  ExecutionUsageSchema,
  ModelCall,
  ModelChoice,
  ProviderServiceEstimateResponseSchema,
  ProviderServiceExecuteResponseSchema,
  ProviderServiceExecuteStreamResponseSchema,
} from '@assay/contract/grpc';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { newId } from '../../kernel/ids.ts';
import { dollarsOf } from '../../kernel/money.ts';
import type { CallBill, ChatEvent, EmbeddingAnswer, Estimate, WholeAnswer } from '../../modules/providers/index.ts';
import { invalidFields, toFault } from '../http/surface.ts';
import { present } from './present.ts';
import { refusedField } from './read-fields.ts';
import { readStruct } from './struct.ts';

/** Their vectors, as long as any model makes them, fit into a message. */
const MOST_TEXTS = 256;

/**
 * Reads a call by the rules that hold for every way in.
 * @throws AppError `invalid` that names the fields at fault
 */
export function decodeCall(call: ModelCall | undefined): ExecuteRequest {
  if (call === undefined) throw refusedField('call', 'required', 'what is asked is missing');
  const result = ExecuteRequest.safeParse({
    ...namedBy(call.choice),
    fallbacks: call.fallbacks.map(namedBy),
    ...inputOf(call.input),
    params: readStruct(call.params ?? {}, 'call.params'),
  });
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.map((issue) => toFault(issue, 'call')));
}

const namedBy = (choice: ModelChoice | undefined) => ({
  ...(choice?.provider !== undefined && { provider: choice.provider }),
  ...(choice?.model !== undefined && { model: choice.model }),
  ...(choice?.tier !== undefined && { tier: choice.tier }),
});

function inputOf(input: ModelCall['input']): { modality: string; input: unknown } {
  switch (input.case) {
    case undefined:
      throw refusedField('call.input', 'required', 'give a prompt, a conversation or texts');
    case 'prompt':
      return { modality: 'text', input: input.value };
    case 'texts':
      if (input.value.texts.length > MOST_TEXTS)
        throw refusedField(
          'call.texts',
          'range',
          `must be 1 to ${MOST_TEXTS} texts: the vectors of more fit into no message`,
        );
      return { modality: 'embedding', input: input.value.texts };
    case 'conversation': {
      const { system, messages } = input.value;
      const read = messages.map((message, at) => readStruct(message, `call.conversation.messages.${at}`));
      return { modality: 'chat', input: { ...(system !== undefined && { system }), messages: read } };
    }
  }
}

export function encodeAnswer({
  answer,
  bill,
}: WholeAnswer): MessageInitShape<typeof ProviderServiceExecuteResponseSchema> {
  const { id, content, stopReason } = answer;
  const text = content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  const toolCalls = content.flatMap((part) =>
    part.type === 'tool_call' ? [{ id: part.id, name: part.name, arguments: part.arguments }] : [],
  );
  return { id, output: { case: 'text', value: { text, toolCalls, stopReason } }, ...billed(bill) };
}

export function encodeVectors({
  vectors,
  bill,
}: EmbeddingAnswer): MessageInitShape<typeof ProviderServiceExecuteResponseSchema> {
  const embeddings = vectors.map((vector) => ({ values: Array.from(vector) }));
  return { id: `embd-${newId()}`, output: { case: 'embedding', value: { embeddings } }, ...billed(bill) };
}

export const billed = (bill: CallBill) => ({
  provider: bill.provider,
  model: bill.model,
  usage: encodeUsage(bill),
  ...present({ recorded: bill.recorded ?? null }),
});

export const encodeUsage = ({
  usage,
  isEstimated,
  cost,
  priceVersion,
}: CallBill): MessageInitShape<typeof ExecutionUsageSchema> => ({
  inputTokens: BigInt(usage.input),
  cacheReadTokens: BigInt(usage.cacheRead),
  cacheWriteTokens: BigInt(usage.cacheWrite),
  outputTokens: BigInt(usage.output),
  reasoningTokens: BigInt(usage.reasoning),
  isEstimated,
  ...present({ costUsd: cost === null ? null : dollarsOf(cost) }),
  priceVersion,
});

type Piece = NonNullable<MessageInitShape<typeof ProviderServiceExecuteStreamResponseSchema>['piece']>;

/** A piece of an answer as the stream tells it; null for what it does not tell. */
export function encodePiece(event: ChatEvent): Piece | null {
  switch (event.type) {
    case 'text':
      return { case: 'text', value: event.text };
    case 'reasoning':
      return { case: 'reasoning', value: event.text };
    case 'tool_call':
      return { case: 'toolCall', value: { index: event.index, id: event.id, name: event.name } };
    case 'tool_arguments':
      return { case: 'toolArguments', value: { index: event.index, text: event.text } };
    default:
      return null;
  }
}

export const encodeEstimate = ({
  provider,
  model,
  input,
  output,
  countedBy,
  cost,
  priceVersion,
}: Estimate): MessageInitShape<typeof ProviderServiceEstimateResponseSchema> => ({
  provider,
  model,
  countedBy,
  inputTokens: rangeOf(input),
  outputTokens: rangeOf(output),
  ...(cost !== null && { costUsd: { low: dollarsOf(cost.low), high: dollarsOf(cost.high) } }),
  ...present({ priceVersion }),
});

const rangeOf = ({ low, high }: Estimate['input']) => ({ low: BigInt(low), high: BigInt(high) });
