import { EventService, IdentityService, ServerReflection, ServerReflectionAlpha } from '@assay/contract/grpc';
import {
  create,
  createFileRegistry,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import pino from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { GrpcCaller } from '../../../test/grpc-caller.ts';
import { GrpcApp } from './grpc-app.ts';
import { serveReflection } from './reflection.ts';

const METHOD = ServerReflection.method.serverReflectionInfo;
type Request = NonNullable<MessageInitShape<typeof METHOD.input>['messageRequest']>;

const app = new GrpcApp({ tls: null, stopMs: 0, log: pino({ level: 'silent' }) });
afterAll(() => app[Symbol.asyncDispose]());
serveReflection(app.server, [IdentityService, EventService]);
const port = await app.listen('127.0.0.1', 0);
const caller = new GrpcCaller(port);
afterAll(() => caller[Symbol.dispose]());

/** Sends the requests one behind the other, and gives what comes back until the server has said all. */
async function converse(service: typeof ServerReflection | typeof ServerReflectionAlpha, ...requests: Uint8Array[]) {
  const stream = caller.client.makeBidiStreamRequest(
    `/${service.typeName}/${METHOD.name}`,
    (bytes: Uint8Array) => Buffer.from(bytes),
    (bytes: Buffer) => fromBinary(METHOD.output, bytes),
  );
  for (const request of requests) stream.write(request);
  stream.end();
  return stream.toArray() as Promise<MessageShape<typeof METHOD.output>[]>;
}

const asking = (messageRequest: Request): Uint8Array =>
  toBinary(METHOD.input, create(METHOD.input, { host: 'here', messageRequest }));

describe.each([
  ['v1', ServerReflection],
  ['v1alpha', ServerReflectionAlpha],
])('reflection %s', (_, service) => {
  test('lists the services, itself among them, and answers in order', async () => {
    const [services, missing] = await converse(
      service,
      asking({ case: 'listServices', value: '' }),
      asking({ case: 'fileContainingSymbol', value: 'assay.v1.Nothing' }),
    );
    expect(services?.validHost).toBe('here');
    expect(services?.messageResponse).toMatchObject({
      case: 'listServicesResponse',
      value: {
        service: [
          { name: 'assay.v1.IdentityService' },
          { name: 'assay.v1.EventService' },
          { name: 'grpc.reflection.v1.ServerReflection' },
          { name: 'grpc.reflection.v1alpha.ServerReflection' },
        ],
      },
    });
    expect(missing?.messageResponse).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } });
  });

  test.each([
    'assay.v1.EventService',
    'assay.v1.EventService.Subscribe',
    'assay.v1.Event',
    'assay.v1.Event.occurred_at',
    'google.rpc.BadRequest.FieldViolation',
  ])('gives the file of %s with all that it imports, enough to make a client from', async (symbol) => {
    const [answer] = await converse(service, asking({ case: 'fileContainingSymbol', value: symbol }));
    if (answer?.messageResponse.case !== 'fileDescriptorResponse') throw new Error('There is no file.');
    const file = answer.messageResponse.value.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }));
    const [, typeName = ''] = /^((?:[a-z0-9]+\.)+(?:[A-Z]\w*)(?:\.[A-Z]\w*)?)/.exec(symbol) ?? [];
    expect(registry.get(typeName) ?? registry.get(typeName.replace(/\.\w+$/, ''))).toBeDefined();
  });

  test.each([
    ['a file by its name', { case: 'fileByFilename', value: 'assay/v1/event_service.proto' }, 'fileDescriptorResponse'],
    ['no file of another name', { case: 'fileByFilename', value: '../../etc/passwd' }, 'errorResponse'],
    [
      'no extension, for there is none',
      { case: 'fileContainingExtension', value: { containingType: 'assay.v1.Event', extensionNumber: 1 } },
      'errorResponse',
    ],
    [
      'that a message has no extensions',
      { case: 'allExtensionNumbersOfType', value: 'assay.v1.Event' },
      'allExtensionNumbersResponse',
    ],
    ['that nothing was asked', { case: undefined }, 'errorResponse'],
  ] as [string, Request, string][])('gives %s', async (_what, request, answer) => {
    expect((await converse(service, asking(request)))[0]?.messageResponse.case).toBe(answer);
  });

  test('refuses what is no request', async () => {
    await expect(converse(service, Buffer.from([0xff]))).rejects.toMatchObject({ code: 3 });
  });
});
