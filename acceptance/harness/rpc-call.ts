import type { Rpc } from '@assay/contract/grpc';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Estate } from './estate.ts';
import type { GrpcClient, SentMetadata } from './grpc-client.ts';

/** The messages that RPCs are meant for, aimed at the things of one organization. */
const MESSAGES: Readonly<Record<string, (estate: Estate) => object>> = {
  '/assay.v1.AuthzService/Check': ({ evalId }) => ({ check: question(evalId) }),
  '/assay.v1.AuthzService/CheckBatch': ({ evalId }) => ({ checks: [question(evalId)] }),
  '/assay.v1.EvaluationService/Submit': () => ({ evaluation: { code: 'print(1)' } }),
  '/assay.v1.EvaluationService/SubmitBatch': () => ({ evaluations: [{ code: 'print(1)' }] }),
  '/assay.v1.EvaluationService/Get': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/List': () => ({}),
  '/assay.v1.EvaluationService/GetLogs': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/StreamLogs': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/Cancel': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EvaluationService/Kill': ({ evalId }) => ({ id: evalId }),
  '/assay.v1.EventService/Subscribe': () => ({}),
  '/assay.v1.IdentityService/Me': () => ({}),
  '/assay.v1.IdentityService/ListOrganizations': () => ({}),
  '/assay.v1.IdentityService/ListPermissions': () => ({}),
};

const question = (id: string) => ({ action: 'evaluations:read', resource: { type: 'evaluation', id } });

/** The bytes of a well-formed call. An RPC that this knows nothing of fails here: whoever adds one says how it is called. */
export function requestOf({ path, method }: Rpc, estate: Estate): Uint8Array {
  const message = MESSAGES[path]?.(estate);
  if (!message) throw new Error(`Say in rpc-call.ts what ${path} is sent.`);
  return toBinary(method.input, create(method.input, message as MessageInitShape<DescMessage>));
}

/** Whether a call is about one thing of the organization, which another organization has not. */
export const isAboutOne = (rpc: Rpc): boolean => rpc.method.input.fields.some(({ name }) => name === 'id');

/** Calls, and gives the bytes of the answer; of a stream, those of its first message. */
export async function send(
  client: GrpcClient,
  rpc: Rpc,
  bytes: Uint8Array,
  metadata: SentMetadata = {},
): Promise<Buffer> {
  if (rpc.method.methodKind === 'unary') return (await client.bytes(rpc.path, bytes, metadata)).message;
  const stream = client.streamBytes(rpc.path, bytes, (answer) => answer, metadata);
  try {
    for await (const message of stream) return message;
    return Buffer.alloc(0);
  } finally {
    stream.cancel();
  }
}
