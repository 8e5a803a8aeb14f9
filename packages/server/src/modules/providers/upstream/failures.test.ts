import { describe, expect, test } from 'vitest';
import { isRetryable } from '../model.ts';
import { failureInStream, failureOf } from './failures.ts';

const openAi = (message: string, code: string) => JSON.stringify({ error: { message, type: 'x', param: null, code } });

describe('an answer that is no success', () => {
  test.each([
    [401, openAi('Incorrect API key provided', 'invalid_api_key'), 'credential', false],
    [403, '{}', 'credential', false],
    [404, openAi('The model does not exist', 'model_not_found'), 'model_unknown', false],
    [400, openAi('Invalid value', 'invalid_value'), 'rejected', false],
    [
      400,
      openAi('This model has a maximum context length of 8192 tokens', 'context_length_exceeded'),
      'too_long',
      false,
    ],
    [
      400,
      '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens"}}',
      'too_long',
      false,
    ],
    [429, openAi('Rate limit reached', 'rate_limit_exceeded'), 'rate_limited', true],
    [429, openAi('You exceeded your current quota', 'insufficient_quota'), 'quota', false],
    [500, '<html>oops</html>', 'overloaded', true],
    [529, '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 'overloaded', true],
    [503, '[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]', 'overloaded', true],
    [504, '', 'timeout', true],
    [302, '', 'malformed', true],
  ])('of status %i says what it means (%s)', (status, body, reason, retryable) => {
    const failure = failureOf(status, {}, body);
    expect(failure).toMatchObject({ reason, status });
    expect(failure.message).not.toBe('');
    expect(isRetryable(failure)).toBe(retryable);
  });

  test('is quoted, but not at any length', () => {
    expect(failureOf(400, {}, JSON.stringify({ error: 'a plain text' })).message).toBe('a plain text');
    expect(failureOf(400, {}, openAi('x'.repeat(10_000), '')).message).toHaveLength(500);
  });

  test.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'retry-after': '999999' }, 600_000],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '-3' }, null],
    [{}, null],
  ])('with %o is tried again when it asks for it', (headers, wait) => {
    expect(failureOf(429, headers, '').retryAfterMs).toBe(wait);
  });
});

describe('an event of a stream', () => {
  test.each([
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'overloaded'],
    [{ error: { message: 'bad', type: 'server_error', code: null } }, 'overloaded'],
    [
      { type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message: 'slow down' } } },
      'rate_limited',
    ],
    [{ error: 'model runner has stopped' }, 'interrupted'],
  ])('%o is a failure', (data, reason) => {
    expect(failureInStream(data)).toMatchObject({ reason });
  });

  test.each([[{ type: 'ping' }], [{ choices: [] }], [{ error: null, choices: [] }], ['text'], [null]])(
    '%o is none',
    (data) => {
      expect(failureInStream(data)).toBeNull();
    },
  );
});
