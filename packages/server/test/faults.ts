import { AppError } from '../src/kernel/errors.ts';

/** The fields that a refusal of something invalid names. */
export function faultsOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError && error.kind === 'invalid') return error.faults.map(({ field }) => field);
    throw error;
  }
  throw new Error('It was not refused.');
}
