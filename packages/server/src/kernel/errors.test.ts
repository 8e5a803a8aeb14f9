import { describe, expect, test } from 'vitest';
import { AppError, defineErrors, ERROR_KINDS, toAppError } from './errors.ts';

const doorErrors = defineErrors('door', { locked: 'denied', jammed: 'unavailable' });

describe('a declared refusal', () => {
  test('carries its kind, a code of domain and reason, and the sentence for the caller', () => {
    const refusal = doorErrors.locked('The door is locked. Ring the bell.');
    expect(refusal).toBeInstanceOf(AppError);
    expect(refusal).toMatchObject({
      kind: 'denied',
      code: 'door.locked',
      message: 'The door is locked. Ring the bell.',
      faults: [],
      retryAfterMs: undefined,
    });
  });

  test('keeps faults and the time of a retry for the caller, and the cause for the log', () => {
    const cause = new Error('the hinge is rusty');
    const faults = [{ field: 'hinge', constraint: 'oiled', message: 'Oil it.' }];
    const refusal = doorErrors.jammed('The door is jammed.', { cause, faults, retryAfterMs: 250 });
    expect(refusal).toMatchObject({ faults, retryAfterMs: 250, cause });
    expect(JSON.stringify(refusal)).not.toContain('rusty');
  });

  test('is raised where it is made: its stack names the caller', () => {
    expect(doorErrors.locked('Closed.').stack).toContain('errors.test.ts');
  });
});

describe('what is thrown and is no refusal', () => {
  test.each([
    ['an error', new Error('password is hunter2')],
    ['a string', 'password is hunter2'],
    ['undefined', undefined],
    ['an object with the look of a refusal', { kind: 'denied', code: 'x.y', message: 'password is hunter2' }],
  ])('becomes internal when it is %s, and shows nothing of itself', (_name, thrown) => {
    const error = toAppError(thrown);
    expect(error).toMatchObject({ kind: 'internal', code: 'internal.unexpected' });
    expect(error.message).not.toContain('hunter2');
    expect(error.cause).toBe(thrown);
  });

  test('leaves a refusal as it is', () => {
    const refusal = doorErrors.locked('Closed.');
    expect(toAppError(refusal)).toBe(refusal);
  });
});

test('no two kinds have one name', () => {
  expect(new Set(ERROR_KINDS).size).toBe(ERROR_KINDS.length);
});
