import type { FastifyReply } from 'fastify';
import type { Call, RateState } from '../../platform/operation.ts';
import { setHeaders } from '../http/headers.ts';

/** How a limit on tokens is told of in a vendor's own headers. */
export type TokenHeaders = (state: RateState) => Record<string, string>;

/** As OpenAI's clients read them: what is left, and how long until all of it is there again. */
export const openAiTokenHeaders: TokenHeaders = ({ limit, remaining, resetAt }) => ({
  'x-ratelimit-limit-tokens': String(limit),
  'x-ratelimit-remaining-tokens': String(remaining),
  'x-ratelimit-reset-tokens': `${Math.max(0, resetAt - Date.now()) / 1000}s`,
});

/** As Anthropic's clients read them. */
export const anthropicTokenHeaders: TokenHeaders = ({ limit, remaining, resetAt }) => ({
  'anthropic-ratelimit-tokens-limit': String(limit),
  'anthropic-ratelimit-tokens-remaining': String(remaining),
  'anthropic-ratelimit-tokens-reset': new Date(resetAt).toISOString(),
});

/** Waits for an act, and shows how the caller's limit on tokens stands then, where there is one; refused or not. */
export async function showingTokens<Output>(
  { call, reply, as }: { call: Pick<Call, 'notes'>; reply: FastifyReply; as: TokenHeaders },
  act: Promise<Output>,
): Promise<Output> {
  try {
    return await act;
  } finally {
    const { tokens } = call.notes;
    if (tokens !== null) setHeaders(reply, as(tokens));
  }
}
