import type { JsonObject } from '@bufbuild/protobuf';
import { AppError } from '../../kernel/errors.ts';
import { parseJsonBody } from '../http/json-body.ts';

/**
 * What a `google.protobuf.Struct` says, held to what a JSON body is held to: how deep it nests, its keys and its texts.
 * @throws AppError `invalid` that names the field
 */
export function readStruct(struct: JsonObject, field: string): JsonObject {
  try {
    return parseJsonBody(Buffer.from(JSON.stringify(struct))) as JsonObject;
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    throw inField(thrown, field);
  }
}

function inField(cause: AppError, field: string): AppError {
  const message = cause.message.replace(/^The body/, `Field ${field}: it`);
  return new AppError('invalid', cause.code, message, { faults: [{ field, constraint: 'json', message }], cause });
}
