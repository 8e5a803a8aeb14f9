import {
  file_google_rpc_error_details,
  file_google_rpc_status,
  ServerReflection,
  ServerReflectionAlpha,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from '@assay/contract/grpc';
import {
  createRegistry,
  type DescFile,
  type DescService,
  type MessageInitShape,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { status as Code, type handleBidiStreamingCall, type Server, type ServerDuplexStream } from '@grpc/grpc-js';
import { toAppError } from '../../kernel/errors.ts';
import { renderError } from './render-error.ts';
import { decode, encode } from './wire.ts';

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

const METHOD = ServerReflection.method.serverReflectionInfo;
const NOT_FOUND: Answer = {
  case: 'errorResponse',
  value: { errorCode: Code.NOT_FOUND, errorMessage: 'There is nothing of this name here.' },
};
const UNANSWERABLE: Answer = {
  case: 'errorResponse',
  value: { errorCode: Code.INVALID_ARGUMENT, errorMessage: 'The request asks for nothing.' },
};

/** Server reflection, v1 and v1alpha: the same messages under two names. */
export function serveReflection(server: Server, services: readonly DescService[]): void {
  const described = new Descriptions([...services, ServerReflection, ServerReflectionAlpha]);
  for (const { typeName } of [ServerReflection, ServerReflectionAlpha]) {
    const path = `/${typeName}/${METHOD.name}`;
    const handle: handleBidiStreamingCall<Buffer, Buffer> = (grpc) => void converse(grpc, described);
    server.register(path, handle, asIs, asIs, 'bidi');
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

async function converse(grpc: ServerDuplexStream<Buffer, Buffer>, described: Descriptions): Promise<void> {
  try {
    // Left alone at its end: the answers are still going out.
    for await (const bytes of grpc.iterator({ destroyOnReturn: false })) {
      const request = decode(METHOD.input, bytes);
      const messageResponse = described.answer(request.messageRequest);
      const answer = { validHost: request.host, originalRequest: request, messageResponse };
      if (!grpc.write(encode(METHOD.output, answer))) await drained(grpc);
    }
    grpc.end();
  } catch (thrown) {
    const refusal = renderError(toAppError(thrown), '');
    grpc.emit('error', Object.assign(new Error(refusal.details), refusal));
  }
}

const drained = (grpc: ServerDuplexStream<Buffer, Buffer>): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      grpc.off('drain', done);
      grpc.off('cancelled', done);
      resolve();
    };
    grpc.once('drain', done);
    grpc.once('cancelled', done);
  });

/** The files behind a list of services, and what is in them. */
class Descriptions {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #types: Registry;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const { file } of services) this.#add(file);
    // What refusals are made of; no service leads there.
    for (const file of [file_google_rpc_status, file_google_rpc_error_details]) this.#add(file);
    this.#types = createRegistry(...this.#files.values());
  }

  answer(request: ServerReflectionRequest['messageRequest']): Answer {
    switch (request.case) {
      case 'listServices':
        return {
          case: 'listServicesResponse',
          value: { service: this.#services.map(({ typeName }) => ({ name: typeName })) },
        };
      case 'fileByFilename':
        return this.#withDependencies(this.#files.get(request.value));
      case 'fileContainingSymbol':
        return this.#withDependencies(this.#fileOf(request.value));
      case 'fileContainingExtension':
        // We extend nothing.
        return NOT_FOUND;
      case 'allExtensionNumbersOfType':
        return this.#types.getMessage(request.value)
          ? { case: 'allExtensionNumbersResponse', value: { baseTypeName: request.value, extensionNumber: [] } }
          : NOT_FOUND;
      case undefined:
        return UNANSWERABLE;
    }
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  /** The file of a type or a service; of a member, that of what it is a member of. */
  #fileOf(symbol: string): DescFile | undefined {
    const whole = this.#types.get(symbol);
    if (whole) return whole.file;
    const dot = symbol.lastIndexOf('.');
    const [owner, name] = [this.#types.get(symbol.slice(0, dot)), symbol.slice(dot + 1)];
    switch (owner?.kind) {
      case 'service':
        return owner.methods.some((method) => method.name === name) ? owner.file : undefined;
      case 'message':
        return owner.members.some((member) => member.name === name) ? owner.file : undefined;
      case 'enum':
        return owner.values.some((value) => value.name === name) ? owner.file : undefined;
      default:
        return undefined;
    }
  }

  #withDependencies(file: DescFile | undefined): Answer {
    if (file === undefined) return NOT_FOUND;
    const files = new Set([file]);
    for (const each of files) for (const dependency of each.dependencies) files.add(dependency);
    const fileDescriptorProto = [...files].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
  }
}
