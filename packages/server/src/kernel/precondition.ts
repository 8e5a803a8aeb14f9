import { AppError } from './errors.ts';

/** Versions that a caller is ready to change (`If-Match`); null: whichever there is. */
export type Expected = readonly number[] | null;

/**
 * Holds a change to the version that its caller has seen. Call it with the row locked.
 * @throws AppError `precondition` when the thing has changed since
 */
export function assertExpected(expected: Expected, version: number): void {
  if (expected === null || expected.includes(version)) return;
  throw new AppError(
    'precondition',
    'precondition.failed',
    'It has changed since you read it. Read it again, and repeat the change if it still makes sense.',
  );
}
