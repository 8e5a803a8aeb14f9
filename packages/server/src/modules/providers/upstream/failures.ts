import { retryAfterOf } from '../../../platform/http-client/index.ts';
import { isObject, objectOf, textOf } from '../dialects/json-reader.ts';
import type { UpstreamFailure } from '../model.ts';

/** A message of a provider's is shown, but never at any length. */
const MOST_CHARACTERS = 500;
/** A provider that asks for more patience than this is as good as gone. */
const LONGEST_WAIT_MS = 10 * 60_000;

type Headers = Record<string, string | string[] | undefined>;

/** Says what an answer that is no success means. `body` is what the provider said, or the beginning of it. */
export function failureOf(status: number, headers: Headers, body: string): UpstreamFailure {
  const said = readMessage(body);
  const message = (said.message || `It answered with status ${status}.`).slice(0, MOST_CHARACTERS);
  return {
    reason: reasonOf(status, `${said.code} ${said.message}`),
    status,
    message,
    retryAfterMs: waitOf(headers),
  };
}

function reasonOf(status: number, said: string): UpstreamFailure['reason'] {
  if (/insufficient_quota|credit balance is too low|RESOURCE_EXHAUSTED.*quota|billing/i.test(said)) return 'quota';
  if (status === 401 || status === 403) return 'credential';
  if (status === 404) return 'model_unknown';
  if (status === 408 || status === 504) return 'timeout';
  if (status === 429) return 'rate_limited';
  if (status === 413 || /context_length_exceeded|prompt is too long|maximum context length/i.test(said))
    return 'too_long';
  if (status >= 500) return 'overloaded';
  if (status >= 300 && status < 400) return 'malformed';
  return 'rejected';
}

/** The vendors' error objects: `{error: {message, code | type | status}}`, `{error: "text"}`, or a list of one. */
function readMessage(body: string): { message: string; code: string } {
  try {
    const parsed: unknown = JSON.parse(body);
    const first: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
    const error = isObject(first) ? (first['error'] ?? first) : {};
    if (typeof error === 'string') return { message: error, code: '' };
    const { message, code, type, status } = objectOf(error);
    return { message: textOf(message), code: [code, type, status].map(textOf).join(' ') };
  } catch {
    return { message: '', code: '' };
  }
}

function waitOf(headers: Headers): number | null {
  const asked = retryAfterOf(headers);
  return asked === null ? null : Math.min(asked, LONGEST_WAIT_MS);
}

/** A stream may fail in an event of its own, after a beginning that looked well. */
export function failureInStream(data: unknown): UpstreamFailure | null {
  if (!isObject(data)) return null;
  const isError =
    data['type'] === 'error' ||
    data['type'] === 'response.failed' ||
    (data['error'] !== undefined && data['error'] !== null);
  if (!isError) return null;
  const error = data['error'] ?? objectOf(data['response'])['error'] ?? data;
  const { message, type, code } = typeof error === 'string' ? { message: error, type: '', code: '' } : objectOf(error);
  const said = `${textOf(type)} ${textOf(code)}`;
  const reason = /overloaded|server_error|api_error|unavailable/i.test(said)
    ? 'overloaded'
    : /rate_limit/i.test(said)
      ? 'rate_limited'
      : 'interrupted';
  return {
    reason,
    status: 200,
    message: (textOf(message) || 'It broke off.').slice(0, MOST_CHARACTERS),
    retryAfterMs: null,
  };
}
