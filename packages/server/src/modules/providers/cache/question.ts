import { createHmac } from 'node:crypto';
import { AppError } from '../../../kernel/errors.ts';
import { isObject } from '../dialects/json-reader.ts';
import { type ChatCall, requestOf } from '../execution/model.ts';
import type { ChatRequest, Message } from '../model.ts';
import type { CacheRule } from '../policies/model.ts';

/** Fields that no other dialect knows and that reading leaves alone, but that may change what is answered. */
const OTHERS = ['truncation', 'include', 'inference_geo', 'service_tier'];

/**
 * What decides an answer, as a text; null for a question whose answer is not to be given again: one that its own vendor alone
 * understands, that wants something kept there, that names pictures which may change, or that leaves the answer to chance.
 */
export function questionOf(call: Pick<ChatCall, 'asked' | 'wish' | 'passedOn'>, rule: CacheRule): string | null {
  const { asked, wish, passedOn } = call;
  const body = asked.dialect === null ? {} : asked.body;
  if (body['store'] === true) return null;
  const request = understood(call);
  if (request === null || request.messages.some(looksElsewhere)) return null;
  const isSettled = request.temperature === 0 || request.seed !== null;
  if (!isSettled && !rule.includeSampled) return null;
  const { user: _user, model: _model, ...decisive } = request;
  const { provider, model, tier } = wish;
  const others = Object.fromEntries(OTHERS.map((name) => [name, body[name] ?? null]));
  return ordered({ ...decisive, provider, model, tier, passedOn, others });
}

/** The name that an answer is kept by: it tells nobody what was asked, who does not know both the secret and the question. */
export const nameOf = (secret: Buffer, orgId: string, question: string): Buffer =>
  createHmac('sha256', secret).update(`cached answer\n${orgId}\n${question}`).digest();

function understood({ asked }: Pick<ChatCall, 'asked'>): ChatRequest | null {
  try {
    return requestOf(asked);
  } catch (thrown) {
    if (thrown instanceof AppError) return null;
    throw thrown;
  }
}

const looksElsewhere = ({ content }: Message): boolean =>
  content.some((part) => {
    if (part.type === 'tool_result')
      return part.content.some((inner) => inner.type === 'image' && inner.source.kind === 'url');
    return (part.type === 'image' || part.type === 'document') && part.source.kind === 'url';
  });

/** JSON whose names are in order: two who say the same say it alike. */
const ordered = (value: unknown): string =>
  JSON.stringify(value, (_name, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
