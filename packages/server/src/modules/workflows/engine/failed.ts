import { type AppError, toAppError } from '../../../kernel/errors.ts';
import { OUT_OF_BUDGET } from '../errors.ts';
import type { Result } from './model.ts';

/** What an attempt came to that threw: what was refused will be refused again, anything else may go better. */
export function failed(thrown: unknown): Result & { kind: 'failed' } {
  const { kind, code, message, faults } = toAppError(thrown);
  const failure = { code, message, ...(faults.length > 0 ? { faults } : {}) };
  const endsRun = code === OUT_OF_BUDGET;
  return { kind: 'failed', failure, isFinal: endsRun || FINAL.has(kind), endsRun };
}

const FINAL: ReadonlySet<AppError['kind']> = new Set([
  'invalid',
  'unauthenticated',
  'denied',
  'not_found',
  'billing',
  'too_large',
  'unimplemented',
]);
