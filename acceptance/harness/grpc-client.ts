import { BadRequestSchema, ErrorInfoSchema, pathOf, RetryInfoSchema, StatusSchema } from '@assay/contract/grpc';
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
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Server } from './server.ts';

/** An answer with the metadata around it. */
export type RpcAnswer<Message> = { message: Message; initial: Metadata; trailers: Metadata };
export type SentMetadata = Record<string, string>;

/** Any call of this suite ends within this, or counts as hung. */
const PATIENCE_MS = 60_000;
const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** Where a server listens for gRPC, as it says itself. */
export async function grpcAddressOf(server: Server): Promise<string> {
  const { text } = await server.anonymous.get('/readyz');
  const { checks } = JSON.parse(text) as { checks: { name: string; detail: string }[] };
  const [, address] = /listens on (\S+),/.exec(checks.find(({ name }) => name === 'grpc')?.detail ?? '') ?? [];
  if (address === undefined) throw new Error(`The server does not say where gRPC is: ${text}`);
  return address;
}

/** The usual gRPC library, over the published messages: what a caller in another language does too. */
export class GrpcClient implements Disposable {
  readonly #client: Client;
  readonly #metadata: SentMetadata;

  constructor(
    address: string,
    metadata: SentMetadata = {},
    channel: ChannelCredentials = credentials.createInsecure(),
  ) {
    // Two clients of one process would share a connection otherwise, and with it each other's fate.
    this.#client = new Client(address, channel, { 'grpc.use_local_subchannel_pool': 1 });
    this.#metadata = metadata;
  }

  /** A caller with this API key; the first full-access one when none is named. */
  static async of(server: Server, apiKey = server.credentials.apiKey): Promise<GrpcClient> {
    return new GrpcClient(await grpcAddressOf(server), { 'x-api-key': apiKey });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async call<In extends DescMessage, Out extends DescMessage>(
    method: DescMethodUnary<In, Out>,
    init: MessageInitShape<In>,
    metadata: SentMetadata = {},
    options: CallOptions = {},
  ): Promise<RpcAnswer<MessageShape<Out>>> {
    const bytes = toBinary(method.input, create(method.input, init));
    const answer = await this.bytes(pathOf(method), bytes, metadata, options);
    return { ...answer, message: fromBinary(method.output, answer.message) };
  }

  /** Sends any bytes to a method that answers once. */
  bytes(
    path: string,
    bytes: Uint8Array,
    metadata: SentMetadata = {},
    options: CallOptions = {},
  ): Promise<RpcAnswer<Buffer>> {
    return new Promise((resolve, reject) => {
      let initial = new Metadata();
      let message: Buffer = Buffer.alloc(0);
      const call = this.#client.makeUnaryRequest(
        path,
        asIs,
        asIs,
        bytes,
        this.#with(metadata),
        { deadline: Date.now() + PATIENCE_MS, ...options },
        (error, received) => {
          if (error) reject(error);
          message = received ?? message;
        },
      );
      call.on('metadata', (received) => {
        initial = received;
      });
      call.on('status', ({ code, metadata: trailers }) => code === 0 && resolve({ message, initial, trailers }));
    });
  }

  stream<In extends DescMessage, Out extends DescMessage>(
    method: DescMethodServerStreaming<In, Out>,
    init: MessageInitShape<In>,
    metadata: SentMetadata = {},
    options: CallOptions = {},
  ): ClientReadableStream<MessageShape<Out>> {
    const bytes = toBinary(method.input, create(method.input, init));
    const read = (answer: Buffer): MessageShape<Out> => fromBinary(method.output, answer);
    return this.streamBytes(pathOf(method), bytes, { read, metadata, options });
  }

  /** Sends any bytes to a method that answers with a stream. */
  streamBytes<Message>(
    path: string,
    bytes: Uint8Array,
    {
      read,
      metadata = {},
      options = {},
    }: { read(answer: Buffer): Message; metadata?: SentMetadata; options?: CallOptions },
  ): ClientReadableStream<Message> {
    const stream = this.#client.makeServerStreamRequest(path, asIs, read, bytes, this.#with(metadata), options);
    // Whoever reads it sees its error; whoever does not is not to be ended by it.
    return stream.on('error', () => {});
  }

  #with(more: SentMetadata): Metadata {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries({ ...this.#metadata, ...more })) metadata.set(name, value);
    return metadata;
  }
}

/** What a refusal says in its details. */
export type Refusal = {
  code: number;
  message: string;
  reason: string | undefined;
  fields: string[];
  retryAfterSeconds: number | null;
  trailers: Metadata;
};

/** The refusal that a call ends with. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  return call.then(
    () => {
      throw new Error('The call was not refused.');
    },
    (error: ServiceError) => readRefusal(error),
  );
}

export function readRefusal(error: ServiceError): Refusal {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = bytes instanceof Buffer ? fromBinary(StatusSchema, bytes).details : [];
  const retry = details.map((any) => anyUnpack(any, RetryInfoSchema)).find(Boolean)?.retryDelay;
  return {
    code: error.code,
    message: error.details,
    reason: details.map((any) => anyUnpack(any, ErrorInfoSchema)).find(Boolean)?.reason,
    fields: details.flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? []).map(({ field }) => field),
    retryAfterSeconds: retry ? Number(retry.seconds) + retry.nanos / 1e9 : null,
    trailers: error.metadata,
  };
}
