/** What is asked, and what the mock upstream says to it: known to both sides, so that every word can be checked. */

export type Asked = {
  model: string;
  stream?: boolean;
  /** Tokens that a stream has. */
  max_tokens?: number;
  /** Whose stream it is; its words begin with it. */
  user?: string;
  messages: readonly { role: string; content: string }[];
  stream_options?: { include_usage?: boolean };
};

const PROMPT = 'You are a helpful assistant. Answer in one short sentence, and in plain words.';
export const PROMPT_TOKENS = 28;
export const WHOLE_TOKENS = 40;
const WHOLE_TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(4).trim();
/** A piece of a flood is many words, so that few pieces are much. */
const FLOOD_WORDS = 1_024;
const CREATED = 1_760_000_000;

/** A short question, as most are: no bound on its answer. */
export const question = (model: string, more: Partial<Asked> = {}): Asked => ({
  model,
  messages: [
    { role: 'system', content: PROMPT },
    { role: 'user', content: 'Why is the sky blue, and why is it red in the evening?' },
  ],
  ...more,
});

/** The pieces of a stream, in order, and the tokens that each is. Whose it is stands in each of them. */
export function* piecesOf({ model, user = 'nobody', max_tokens: most = 1 }: Asked): Generator<Piece> {
  const isFlood = model === 'flood';
  const tokens = isFlood ? FLOOD_WORDS : 1;
  const filling = isFlood ? ' and'.repeat(FLOOD_WORDS - 1) : '';
  for (let at = 0; at + tokens <= most; at += tokens) yield { text: `${user}:${at}${filling} `, tokens };
}
type Piece = { text: string; tokens: number };

export function wholeAnswer({ model }: Asked): Buffer {
  const message = { role: 'assistant', content: WHOLE_TEXT, refusal: null, annotations: [] };
  return Buffer.from(
    JSON.stringify({
      id: 'chatcmpl-CQ2mGd8JmUcVZ5c6pJYq3lCzW7hXo',
      object: 'chat.completion',
      created: CREATED,
      model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
      usage: usageOf(WHOLE_TOKENS),
      service_tier: 'default',
      system_fingerprint: 'fp_50cad350e4',
    }),
  );
}

/** A stream's bytes with the tokens that each is. */
export function* chunksOf(asked: Asked): Generator<{ bytes: string; tokens: number }> {
  const head = { id: `chatcmpl-${asked.user}`, object: 'chat.completion.chunk', created: CREATED, model: asked.model };
  const chunk = (more: object): string => `data: ${JSON.stringify({ ...head, ...more })}\n\n`;
  const said = (delta: object, finish: string | null): string =>
    chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] });
  let made = 0;
  for (const { text: content, tokens } of piecesOf(asked)) {
    yield { bytes: said(made === 0 ? { role: 'assistant', content } : { content }, null), tokens };
    made += tokens;
  }
  const usage = asked.stream_options?.include_usage ? chunk({ choices: [], usage: usageOf(made) }) : '';
  yield { bytes: `${said({}, 'stop')}${usage}data: [DONE]\n\n`, tokens: 0 };
}

const usageOf = (tokens: number): object => ({
  prompt_tokens: PROMPT_TOKENS,
  completion_tokens: tokens,
  total_tokens: PROMPT_TOKENS + tokens,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
});
