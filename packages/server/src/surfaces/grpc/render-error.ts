import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
  StatusSchema,
} from '@assay/contract/grpc';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { status as Code, Metadata } from '@grpc/grpc-js';
import type { AppError, ErrorKind, FieldFault } from '../../kernel/errors.ts';

/** How a call ended badly, as gRPC puts it into trailers. */
export type Refusal = { code: Code; details: string; metadata: Metadata };

const CODES = {
  invalid: Code.INVALID_ARGUMENT,
  unauthenticated: Code.UNAUTHENTICATED,
  denied: Code.PERMISSION_DENIED,
  not_found: Code.NOT_FOUND,
  conflict: Code.FAILED_PRECONDITION,
  // What was read before is stale: read again, then try again. That is what ABORTED says.
  precondition: Code.ABORTED,
  billing: Code.FAILED_PRECONDITION,
  rate_limited: Code.RESOURCE_EXHAUSTED,
  over_budget: Code.RESOURCE_EXHAUSTED,
  too_large: Code.RESOURCE_EXHAUSTED,
  unsupported_media: Code.INVALID_ARGUMENT,
  cancelled: Code.CANCELLED,
  deadline: Code.DEADLINE_EXCEEDED,
  unavailable: Code.UNAVAILABLE,
  unimplemented: Code.UNIMPLEMENTED,
  internal: Code.INTERNAL,
} as const satisfies Record<ErrorKind, Code>;

/** Codes that say more than their kind does. */
const SPECIFIC: Readonly<Record<string, Code>> = { 'idempotency.in_progress': Code.ABORTED };

/** Clients take 8 KiB of trailers, all in all: what is longer would lose them the answer instead of its end. */
const MAX_MESSAGE_LENGTH = 1_000;
const MAX_FAULTS = 20;
const MAX_FAULT_LENGTH = 150;

const DEFAULT_RETRY_MS = 5_000;

/** Google's error model: the code and message of gRPC itself, and `google.rpc.Status` in `grpc-status-details-bin`. */
export function renderError(error: AppError, requestId: string): Refusal {
  const code = SPECIFIC[error.code] ?? CODES[error.kind];
  const details = shortened(error.message, MAX_MESSAGE_LENGTH);
  const retryAfterMs = error.retryAfterMs ?? (error.kind === 'unavailable' ? DEFAULT_RETRY_MS : null);
  const status = create(StatusSchema, {
    code,
    message: details,
    details: [
      pack(ErrorInfoSchema, { reason: error.code, domain: 'assay', metadata: { kind: error.kind } }),
      pack(RequestInfoSchema, { requestId }),
      ...(error.faults.length > 0 ? [pack(BadRequestSchema, { fieldViolations: violations(error.faults) })] : []),
      ...(retryAfterMs === null ? [] : [pack(RetryInfoSchema, { retryDelay: durationFromMs(retryAfterMs) })]),
    ],
  });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, status)));
  return { code, details, metadata };
}

const pack = <Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Any =>
  anyPack(schema, create(schema, init));

const violations = (faults: readonly FieldFault[]): { field: string; description: string }[] =>
  faults.slice(0, MAX_FAULTS).map(({ field, message }) => ({
    field: shortened(field, MAX_FAULT_LENGTH),
    description: shortened(message, MAX_FAULT_LENGTH),
  }));

/** Well-formed as well: the library cannot encode half a surrogate pair, and the call would never end. */
const shortened = (text: string, limit: number): string =>
  (text.length > limit ? `${text.slice(0, limit)}…` : text).toWellFormed();
