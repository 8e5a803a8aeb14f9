import { expect, test } from 'vitest';
import {
  AuthenticationError,
  BadRequestError,
  BudgetExceededError,
  ConflictError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  toApiError,
  UnprocessableEntityError,
} from './api-error.ts';

const answered = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  toApiError({ status, body, headers: new Headers(headers) });

test('the control surface’s refusal is read from its envelope', () => {
  const error = { code: 'forbidden', message: 'Not your role.', request_id: 'r-1', details: { fields: [] } };
  expect(answered(403, { data: null, error })).toMatchObject({
    name: 'PermissionDeniedError',
    code: 'forbidden',
    message: 'Not your role.',
    requestId: 'r-1',
    details: { fields: [] },
  });
});

test('the builds surface’s refusal is read with its fields', () => {
  const details = [{ field: 'email', constraint: 'required' }];
  const body = { error: { code: 'VALIDATION_ERROR', message: 'No e-mail.', details } };
  expect(answered(400, body)).toMatchObject({ code: 'VALIDATION_ERROR', message: 'No e-mail.', details });
});

test('the evaluations surface’s refusal gets the common code of its status', () => {
  const body = { error: 'Validation error', detail: 'Code field is required', status_code: 400 };
  expect(answered(400, body)).toMatchObject({ code: 'validation_failed', message: 'Code field is required' });
});

test('the fleet surface’s refusal is a text with details', () => {
  const body = { error: 'Not found', details: { slug: ['unknown'] } };
  expect(answered(404, body)).toMatchObject({
    code: 'not_found',
    message: 'Not found',
    details: { slug: ['unknown'] },
  });
});

test('an answer in no known shape still says its status', () => {
  expect(answered(502, '<html>Bad Gateway</html>')).toMatchObject({
    code: 'internal',
    message: 'The server answered with status 502.',
    body: '<html>Bad Gateway</html>',
  });
});

test.each([
  [400, BadRequestError],
  [401, AuthenticationError],
  [402, BudgetExceededError],
  [403, PermissionDeniedError],
  [404, NotFoundError],
  [409, ConflictError],
  [422, UnprocessableEntityError],
  [429, RateLimitError],
  [500, ServerError],
  [503, ServerError],
])('status %i has a class of its own', (status, expected) => {
  const error = answered(status, null);
  expect(error).toBeInstanceOf(expected);
  expect(error.name).toBe(expected.name);
});

test('a vendor’s used-up quota is a budget, not a rate', () => {
  expect(answered(429, { error: { code: 'insufficient_quota', message: 'Empty.' } })).toBeInstanceOf(
    BudgetExceededError,
  );
});

test('the request id of the header counts, and Retry-After can be read', () => {
  const error = answered(429, null, { 'x-request-id': 'r-2', 'retry-after': '3' });
  expect([error.requestId, error.retryAfter]).toEqual(['r-2', 3_000]);
});
