import { createHash } from 'node:crypto';
import { isObject } from '../dialects/json-reader.ts';
import type { ChatEvent, ChatRequest, ChatResponse, TokenUsage } from '../model.ts';

/*
 * exchange  a request and what was answered to it, kept as a file that people can read
 * digest    the name of an exchange: what was asked of which model, in whichever dialect, whole or streamed
 */

export type PlayedEvent = Exclude<ChatEvent, { type: 'usage' }>;

/** A piece of the answer, and when it came, milliseconds from the request. */
export type TimedEvent = PlayedEvent & { at: number };

/** Who asks is no part of what was asked. */
export type RecordedRequest = Omit<ChatRequest, 'user'>;

export type Exchange = {
  format: 1;
  digest: string;
  recorded_at: string;
  /** Who answered, and what that cost then; null where the model had no price. */
  from: { provider: string; model: string; cost_micros: number | null; price_version: string };
  request: RecordedRequest;
  usage: TokenUsage;
  answer: TimedEvent[];
};

/** Names what is asked, the same in every dialect. What nobody said does not count: fields that come later change no name. */
export function digestOf({ user: _user, ...request }: ChatRequest): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(request)))
    .digest('hex');
}

/** With the fields in order, without what is empty, and without marks for a vendor's cache, which change no answer. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isObject(value)) return value;
  const said = Object.entries(value).filter(
    ([name, item]) => !isUnsaid(item) && !(name === 'cache' && 'text' in value),
  );
  return Object.fromEntries(said.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, canonical(item)]));
}

const isUnsaid = (value: unknown): boolean =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0);

/** The pieces that a whole answer would have come in. */
export function piecesOf({ id, model, content, stopReason }: ChatResponse): PlayedEvent[] {
  const events: PlayedEvent[] = [{ type: 'start', id, model }];
  for (const [index, part] of content.entries()) {
    if (part.type === 'text') events.push({ type: 'text', text: part.text });
    if (part.type === 'tool_call') {
      events.push({ type: 'tool_call', index, id: part.id, name: part.name });
      events.push({ type: 'tool_arguments', index, text: part.arguments });
    }
    if (part.type !== 'reasoning') continue;
    if (part.text !== '') events.push({ type: 'reasoning', text: part.text });
    if (part.signature !== null) events.push({ type: 'reasoning_signature', signature: part.signature });
    if (part.redacted !== null) events.push({ type: 'reasoning_redacted', data: part.redacted });
  }
  return [...events, { type: 'finish', reason: stopReason }];
}

/** What each piece holds besides its type and its time. */
const FIELDS: Readonly<Record<PlayedEvent['type'], Readonly<Record<string, 'string' | 'number'>>>> = {
  start: { id: 'string', model: 'string' },
  text: { text: 'string' },
  reasoning: { text: 'string' },
  reasoning_signature: { signature: 'string' },
  reasoning_redacted: { data: 'string' },
  tool_call: { index: 'number', id: 'string', name: 'string' },
  tool_arguments: { index: 'number', text: 'string' },
  finish: { reason: 'string' },
};
const COUNTS = ['input', 'cacheRead', 'cacheWrite', 'output', 'reasoning'];

/** Reads a file; null when it is no exchange of this name. People may have written in it. */
export function readExchange(text: string, digest: string): Exchange | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || value['format'] !== 1 || value['digest'] !== digest) return null;
  const { usage, answer } = value;
  const isCounted = isObject(usage) && COUNTS.every((name) => isCount(usage[name]));
  if (!isCounted || !Array.isArray(answer) || !answer.every(isTimedEvent)) return null;
  const isWhole = answer[0]?.type === 'start' && answer.at(-1)?.type === 'finish';
  return isWhole ? (value as Exchange) : null;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

function isTimedEvent(value: unknown): value is TimedEvent {
  if (!isObject(value) || typeof value['at'] !== 'number' || value['at'] < 0) return false;
  const type = String(value['type']);
  if (!Object.hasOwn(FIELDS, type)) return false;
  return Object.entries(FIELDS[type as PlayedEvent['type']]).every(([name, kind]) => typeof value[name] === kind);
}

/** Writes an exchange as a file, a line for each piece: long answers stay readable, and changes show in a diff. */
export function writeExchange({ answer, ...exchange }: Exchange): string {
  const head = JSON.stringify(exchange, null, 2).slice(0, -2);
  return `${head},\n  "answer": [\n    ${answer.map((event) => JSON.stringify(event)).join(',\n    ')}\n  ]\n}\n`;
}
