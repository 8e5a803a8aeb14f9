import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { AppError } from '../../kernel/errors.ts';

/** Longest message either way: what every gRPC client takes without being told otherwise. */
export const MAX_MESSAGE_BYTES = 4 << 20;

/**
 * Reads a message. Fields that we do not know are passed over, as protobuf has it: they come from newer clients.
 * @throws AppError `invalid` for bytes that are no such message
 */
export function decode<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw malformed(schema, error);
  }
}

const malformed = ({ typeName }: DescMessage, cause: unknown): AppError =>
  new AppError(
    'invalid',
    'message.malformed',
    `The request is not a ${typeName}. Generate the client from the same .proto files, or by reflection.`,
    { cause },
  );

/**
 * Writes a message.
 * @throws AppError `too_large` when no client would take it
 */
export function encode<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Buffer {
  const bytes = toBinary(schema, create(schema, init));
  if (bytes.byteLength > MAX_MESSAGE_BYTES) {
    throw new AppError(
      'too_large',
      'message.too_large',
      'The answer is larger than the 4 MiB of a message. Ask for less at once.',
    );
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
