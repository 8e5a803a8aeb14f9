import { status as Code } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { AppError, ERROR_KINDS, type ErrorKind } from '../../kernel/errors.ts';
import { renderError } from './render-error.ts';

describe('a refusal', () => {
  test.each([
    ['invalid', Code.INVALID_ARGUMENT],
    ['unauthenticated', Code.UNAUTHENTICATED],
    ['denied', Code.PERMISSION_DENIED],
    ['not_found', Code.NOT_FOUND],
    ['conflict', Code.FAILED_PRECONDITION],
    ['precondition', Code.ABORTED],
    ['billing', Code.FAILED_PRECONDITION],
    ['rate_limited', Code.RESOURCE_EXHAUSTED],
    ['over_budget', Code.RESOURCE_EXHAUSTED],
    ['too_large', Code.RESOURCE_EXHAUSTED],
    ['unsupported_media', Code.INVALID_ARGUMENT],
    ['cancelled', Code.CANCELLED],
    ['deadline', Code.DEADLINE_EXCEEDED],
    ['unavailable', Code.UNAVAILABLE],
    ['unimplemented', Code.UNIMPLEMENTED],
    ['internal', Code.INTERNAL],
  ] as [ErrorKind, Code][])('of kind %s has code %i', (kind, code) => {
    expect(renderError(new AppError(kind, 'a.b', 'No.'), 'id')).toMatchObject({ code, details: 'No.' });
  });

  test('is of one of the kinds above', () => {
    expect(ERROR_KINDS).toHaveLength(16);
  });

  test('of a request that is still running asks to try again', () => {
    expect(renderError(new AppError('conflict', 'idempotency.in_progress', 'No.'), 'id').code).toBe(Code.ABORTED);
  });
});
