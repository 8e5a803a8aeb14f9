import { newId } from '../../../kernel/ids.ts';
import type { ChatEvent } from '../model.ts';
import { digestOf } from '../replay/exchange.ts';
import { play } from '../replay/play.ts';
import type { Recordings } from '../replay/recordings.ts';
import { type Asking, resting } from './attempts.ts';
import { echo, echoModel } from './echo.ts';
import { type ChatCall, requestOf } from './model.ts';

/** An answer that is made here, and the most tokens that it may be. */
export type BuiltInAnswer = { events: AsyncGenerator<ChatEvent>; bound: number };

/**
 * Answers as a built-in provider does.
 * @throws AppError when echo has no such model, or nothing was recorded
 */
export async function askBuiltIn(
  { asked, claims, signal }: ChatCall,
  { served, plan }: Pick<Asking, 'served' | 'plan'>,
  recordings: Recordings | null,
): Promise<BuiltInAnswer> {
  const request = { ...requestOf(asked), model: served.model };
  if (served.provider.kind === 'replay' && recordings !== null) {
    const exchange = await recordings.get(claims.orgId, { digest: digestOf(request), model: served.model });
    const bound = Math.max(plan.maxTokens, exchange.usage.output);
    return { events: play(exchange, recordings.pace, signal), bound };
  }
  const model = echoModel(served.model);
  if (!model) throw resting(served);
  const bounded = { ...request, maxTokens: request.maxTokens ?? plan.maxTokens };
  const events = echo(bounded, { id: `chatcmpl-${newId()}`, paceMs: model.paceMs }, signal);
  return { events, bound: plan.maxTokens };
}
