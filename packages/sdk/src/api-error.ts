import { AssayError } from './assay-error.ts';
import { decodeRefusal } from './error-body.ts';
import { retryAfterMs } from './retry.ts';

type Answered = { status: number; headers: Headers; body: unknown };

/** The server refused. Every status that is told apart has a class of its own below this one. */
export class ApiError extends AssayError {
  override readonly name: string = 'ApiError';
  readonly status: number;
  /** Stable word for what went wrong, to branch on. */
  readonly code: string;
  /** Names this request in the server's log; quote it in a report. */
  readonly requestId: string | null;
  /** Which fields are at fault, as the surface writes it. */
  readonly details: unknown;
  readonly headers: Headers;
  /** The answer as it came: parsed when it was JSON, else text. */
  readonly body: unknown;

  constructor({ status, headers, body }: Answered) {
    const refusal = decodeRefusal(status, body);
    super(refusal.message);
    this.status = status;
    this.code = refusal.code;
    this.requestId = headers.get('x-request-id') ?? refusal.requestId;
    this.details = refusal.details;
    this.headers = headers;
    this.body = body;
  }

  /** Milliseconds after which a retry can succeed, if the server said. */
  get retryAfter(): number | null {
    return retryAfterMs(this.headers);
  }
}

/** 400: the request is not what the route takes. */
export class BadRequestError extends ApiError {
  override readonly name = 'BadRequestError';
}

/** 401: no credential, or one that does not hold (any more). */
export class AuthenticationError extends ApiError {
  override readonly name = 'AuthenticationError';
}

/** 403: the credential lacks the scope, or its owner the role. */
export class PermissionDeniedError extends ApiError {
  override readonly name = 'PermissionDeniedError';
}

/** 404: not there, or not yours. */
export class NotFoundError extends ApiError {
  override readonly name = 'NotFoundError';
}

/** 409: it clashes with how things stand. */
export class ConflictError extends ApiError {
  override readonly name = 'ConflictError';
}

/** 412: it has changed since it was read. */
export class PreconditionFailedError extends ApiError {
  override readonly name = 'PreconditionFailedError';
}

/** 422: understood, but not possible; among others an `Idempotency-Key` that was used with another body. */
export class UnprocessableEntityError extends ApiError {
  override readonly name = 'UnprocessableEntityError';
}

/** 423: the organization's billing state allows nothing new. */
export class BillingInactiveError extends ApiError {
  override readonly name = 'BillingInactiveError';
}

/** 429: too many requests; `retryAfter` says when there is room. */
export class RateLimitError extends ApiError {
  override readonly name: string = 'RateLimitError';
}

/** A budget is used up. Retrying does not help before it is raised or starts anew. */
export class BudgetExceededError extends RateLimitError {
  override readonly name = 'BudgetExceededError';
}

/** 500 and above: the server's fault, or it is not ready. */
export class ServerError extends ApiError {
  override readonly name = 'ServerError';
}

const CLASS_OF_STATUS: Record<number, new (answered: Answered) => ApiError> = {
  400: BadRequestError,
  401: AuthenticationError,
  402: BudgetExceededError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  422: UnprocessableEntityError,
  423: BillingInactiveError,
  429: RateLimitError,
};

/** The error of the class that fits the status. */
export function toApiError(answered: Answered): ApiError {
  const { code } = decodeRefusal(answered.status, answered.body);
  if (answered.status === 429 && code === 'insufficient_quota') return new BudgetExceededError(answered);
  const Fitting = CLASS_OF_STATUS[answered.status] ?? (answered.status >= 500 ? ServerError : ApiError);
  return new Fitting(answered);
}
