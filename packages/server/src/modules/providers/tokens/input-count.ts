import type { ChatRequest, DocumentPart, ImagePart, Message } from '../model.ts';
import { countTokens, type Encoding, encodingOf } from './encodings.ts';
import { type InputBound, inputBoundOf } from './input-bound.ts';

/** Tokens of an input, and how they were found: with the model's own vocabulary, or from bytes. */
export type InputCount = InputBound & { countedBy: Encoding | 'approximation' };

/** Between two messages OpenAI sets three tokens and a role; before the answer three more. */
const MESSAGE_TOKENS = 4;
const ANSWER_TOKENS = 3;

/** What may stand around a message or part, and what joining texts may add to their tokens, with room. */
const FRAME_TOKENS = 8;
/** What a vendor says to its model before anybody else does, with room. */
const HIDDEN_TOKENS = 64;

/** Longer texts are bounded by their bytes: counting them would take longer than half a second. */
const MOST_COUNTED = 1_000_000;

/**
 * Counts what goes to a model. Text is counted; of tools, formats, pictures and documents nobody but the vendor knows how
 * they reach the model, so `most` bounds them by their bytes and sizes, as ever.
 */
export async function countInput(request: ChatRequest, model: string): Promise<InputCount> {
  const encoding = encodingOf(model);
  const { texts, media, frames } = leavesOf(request.messages);
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (encoding === null || length > MOST_COUNTED) return { ...inputBoundOf(request), countedBy: 'approximation' };
  const said = await countTokens(encoding, texts);
  const tools = await countTokens(
    encoding,
    request.tools.map(({ strict: _strict, ...tool }) => JSON.stringify(tool)),
  );
  const shown = inputBoundOf(media);
  const rest = inputBoundOf([request.tools, request.format]);
  return {
    likely: said + tools + shown.likely + request.messages.length * MESSAGE_TOKENS + ANSWER_TOKENS,
    most: said + shown.most + rest.most + frames * FRAME_TOKENS + HIDDEN_TOKENS,
    countedBy: encoding,
  };
}

type Leaves = { texts: string[]; media: (ImagePart | DocumentPart)[]; frames: number };

function leavesOf(messages: readonly Message[]): Leaves {
  const leaves: Leaves = { texts: [], media: [], frames: messages.length };
  for (const { content } of messages) for (const part of content) addPart(leaves, part);
  return leaves;
}

function addPart(leaves: Leaves, part: Message['content'][number]): void {
  leaves.frames += 1;
  switch (part.type) {
    case 'text':
    case 'reasoning':
      leaves.texts.push(part.text);
      return;
    case 'tool_call':
      leaves.texts.push(part.name, part.arguments);
      return;
    case 'tool_result':
      for (const inner of part.content) addPart(leaves, inner);
      return;
    case 'image':
    case 'document':
      leaves.media.push(part);
  }
}
