import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { ApiError } from '@assay/sdk';
import { CliError, type ExitCode } from './cli-error.ts';

/** Why a command failed, in the form that is printed. */
export type Failure = {
  code: string;
  message: string;
  /** What to do about it. */
  hint: string | null;
  requestId: string | null;
  status: number | null;
  details: unknown;
  exit: ExitCode;
};

const EXIT_OF_STATUS: Record<number, ExitCode> = {
  401: EXIT_CODES.unauthenticated,
  402: EXIT_CODES.limited,
  403: EXIT_CODES.unauthenticated,
  404: EXIT_CODES.notFound,
  409: EXIT_CODES.conflict,
  412: EXIT_CODES.conflict,
  422: EXIT_CODES.conflict,
  423: EXIT_CODES.conflict,
  429: EXIT_CODES.limited,
  502: EXIT_CODES.unreachable,
  503: EXIT_CODES.unreachable,
  504: EXIT_CODES.unreachable,
};

const START_ONE = 'Start a server with `assay up`, or set ASSAY_URL to where one is.';
const HINT_OF_STATUS: Record<number, string> = {
  401: 'Sign in with `assay login`, or set ASSAY_API_KEY to a key of this server: the first start prints one.',
  403: '`assay whoami` shows what you may do.',
  503: '`assay status` shows what the server lacks.',
};

/** Reads whatever was thrown. What nobody foresaw is a bug, and says so. */
export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof CliError) {
    const { code, message, hint, exit } = thrown;
    return { code, message, hint, exit, requestId: null, status: null, details: null };
  }
  if (isApiError(thrown)) return ofApi(thrown);
  if (isNamed(thrown, 'ConnectionError') || isNamed(thrown, 'TimeoutError')) {
    return { ...plain('unreachable', thrown.message, EXIT_CODES.unreachable), hint: START_ONE };
  }
  if (isNamed(thrown, 'AssayError') || isNamed(thrown, 'MalformedAnswerError')) {
    return plain('failed', thrown.message, EXIT_CODES.failed);
  }
  // The system's own refusals, of a file for example, speak for themselves.
  if (thrown instanceof Error && 'syscall' in thrown) return plain('failed', thrown.message, EXIT_CODES.failed);
  return plain(
    'internal',
    thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    EXIT_CODES.failed,
  );
}

/** As `--json` prints it. */
export const failureDocument = ({ code, message, hint, requestId, status, details }: Failure) => ({
  error: {
    code,
    message,
    ...(hint !== null && { hint }),
    ...(status !== null && { status }),
    ...(requestId !== null && { request_id: requestId }),
    ...(details !== null && { details }),
  },
});

function ofApi(error: ApiError): Failure {
  const { code, message, requestId, status, details } = error;
  const exit = EXIT_OF_STATUS[status] ?? EXIT_CODES.failed;
  return { code, message, requestId, status, details, exit, hint: hintFor(error) };
}

function hintFor({ status, retryAfter }: ApiError): string | null {
  if (status === 429 && retryAfter !== null) return `Try again in ${Math.ceil(retryAfter / 1000)} s.`;
  return HINT_OF_STATUS[status] ?? null;
}

const plain = (code: string, message: string, exit: ExitCode): Failure => ({
  code,
  message,
  hint: null,
  requestId: null,
  status: null,
  details: null,
  exit,
});

// By their names, not their classes: the SDK is loaded only by commands that call a server.
const isNamed = (thrown: unknown, name: string): thrown is Error => thrown instanceof Error && thrown.name === name;
const isApiError = (thrown: unknown): thrown is ApiError =>
  thrown instanceof Error && 'status' in thrown && 'requestId' in thrown;
