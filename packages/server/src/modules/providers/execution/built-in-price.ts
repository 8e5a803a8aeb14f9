import type { Price } from '../../metering/index.ts';
import { REPLAY_PRICE } from '../replay/play.ts';
import type { Candidate } from '../routing/route.ts';
import { echoModel } from './echo.ts';

/** What a built-in model costs; null for a provider's own. */
export function builtInPrice({ provider, model }: Candidate): Price | null {
  if (provider.kind === 'replay') return REPLAY_PRICE;
  return provider.kind === 'echo' ? (echoModel(model)?.price ?? null) : null;
}
