import { pathOf, StatusSchema } from '@assay/contract/grpc';
import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

type Sent = CallOptions & { metadata?: Record<string, string> };
export type UnaryAnswer<Out extends DescMessage> = {
  message: MessageShape<Out>;
  initial: Metadata;
  trailers: Metadata;
};

/** A gRPC client of the usual library, over the generated messages. */
export class GrpcCaller implements Disposable {
  readonly client: Client;

  constructor(port: number, options: ConstructorParameters<typeof Client>[2] = {}) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  }

  [Symbol.dispose](): void {
    this.client.close();
  }

  /** Calls, and gives the answer with its metadata; rejects with the library's error. */
  call<In extends DescMessage, Out extends DescMessage>(
    method: DescMethodUnary<In, Out>,
    init: MessageInitShape<In>,
    sent: Sent = {},
    onCall: (call: ClientUnaryCall) => void = () => {},
  ): Promise<UnaryAnswer<Out>> {
    return this.bytes(pathOf(method), toBinary(method.input, create(method.input, init)), sent, onCall).then(
      ({ bytes, ...rest }) => ({ ...rest, message: fromBinary(method.output, bytes) }),
    );
  }

  /** Sends any bytes to any path. */
  bytes(
    path: string,
    bytes: Uint8Array,
    { metadata = {}, ...options }: Sent = {},
    onCall: (call: ClientUnaryCall) => void = () => {},
  ): Promise<{ bytes: Buffer; initial: Metadata; trailers: Metadata }> {
    return new Promise((resolve, reject) => {
      let initial = new Metadata();
      let answer: Buffer | undefined;
      const call = this.client.makeUnaryRequest(
        path,
        (message: Uint8Array) => Buffer.from(message),
        (message: Buffer) => message,
        bytes,
        metadataOf(metadata),
        options,
        (error, message) => {
          if (error) reject(error);
          answer = message;
        },
      );
      call.on('metadata', (received) => {
        initial = received;
      });
      call.on('status', ({ metadata: trailers }) => {
        if (answer !== undefined) resolve({ bytes: answer, initial, trailers });
      });
      onCall(call);
    });
  }

  stream<In extends DescMessage, Out extends DescMessage>(
    method: DescMethodServerStreaming<In, Out>,
    init: MessageInitShape<In>,
    { metadata = {}, ...options }: Sent = {},
  ): ClientReadableStream<MessageShape<Out>> {
    return this.client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageShape<In>) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, init),
      metadataOf(metadata),
      options,
    );
  }
}

function metadataOf(values: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}

/** What `grpc-status-details-bin` of a refusal holds. */
export function statusOf({ metadata }: ServiceError): MessageShape<typeof StatusSchema> {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (!(bytes instanceof Buffer)) throw new Error('The refusal has no details.');
  return fromBinary(StatusSchema, bytes);
}

/** The refusal that a call ends with. */
export async function refusalOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error('The call was not refused.');
    },
    (error: ServiceError) => error,
  );
}
