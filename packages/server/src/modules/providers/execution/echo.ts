import { setTimeout as pause } from 'node:timers/promises';
import { chosenPrice, type Price } from '../../metering/index.ts';
import type { ChatEvent, ChatRequest, StopReason } from '../model.ts';

/*
 * Echo answers with what it was last told, word by word, without a vendor and without a key. The model's name chooses how:
 * `echo`, `echo-20ms` waits so long before each word, `echo@5` costs five micro-dollars a word going in and coming out.
 */
const NAME = /^echo(?:-(\d{1,5})ms)?(?:@(\d{1,6}))?$/;
/** What a word costs unless the name says otherwise, micro-dollars: enough to be seen in the records of usage. */
const WORD_PRICE = 1;
const MILLION = 1_000_000;

export type EchoModel = { paceMs: number; price: Price };

/** How an echo of this name behaves; null for a name that is not one. */
export function echoModel(name: string): EchoModel | null {
  const found = NAME.exec(name);
  if (!found) return null;
  const micros = Number(found[2] ?? WORD_PRICE);
  return {
    paceMs: Number(found[1] ?? 0),
    price: chosenPrice({ input: micros * MILLION, output: micros * MILLION }, `echo@${micros}`),
  };
}

/** Words with the space before them: put together again they are the text. */
export const wordsOf = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];

function lastWords(request: ChatRequest): string {
  const last = request.messages.findLast(({ role }) => role === 'user');
  return last?.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(' ') ?? '';
}

const inputWords = (request: ChatRequest): number =>
  request.messages.reduce(
    (sum, { content }) =>
      content.reduce((words, part) => words + (part.type === 'text' ? wordsOf(part.text).length : 0), sum),
    0,
  );

/** Answers a request, at the pace of its model. */
export async function* echo(
  request: ChatRequest,
  { id, paceMs }: { id: string; paceMs: number },
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  const words = wordsOf(lastWords(request));
  const most = request.maxTokens ?? words.length;
  const said = words.slice(0, most);
  yield { type: 'start', id, model: request.model };
  for (const word of said) {
    if (paceMs > 0) await pause(paceMs, undefined, { signal });
    yield { type: 'text', text: word };
  }
  const reason: StopReason = said.length < words.length ? 'length' : 'stop';
  const usage = { input: inputWords(request), cacheRead: 0, cacheWrite: 0, output: said.length, reasoning: 0 };
  yield { type: 'usage', usage };
  yield { type: 'finish', reason };
}
