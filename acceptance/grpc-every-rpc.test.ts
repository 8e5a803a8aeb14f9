import { allRpcs, IdentityService, type Rpc } from '@assay/contract/grpc';
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  ScalarType,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { createGrpcTransport } from '@connectrpc/connect-node';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { addEstate, NOTHING } from './harness/estate.ts';
import { GrpcClient, grpcAddressOf, refusalOf } from './harness/grpc-client.ts';
import { declaredOf } from './harness/permissions.ts';
import { signIn } from './harness/route-call.ts';
import { isAboutOne, requestOf, send } from './harness/rpc-call.ts';
import { ScriptedRunner } from './harness/scripted-runner.ts';
import { Server } from './harness/server.ts';
import { addTenant } from './harness/tenant.ts';

/*
 * Every RPC of the published services, as another tenant, without a credential, without the scope, and with nonsense.
 * The tests are made from the list: an RPC that is added is held to them, or fails here until it is said how it is called.
 */
const RUNS = Number(process.env['ASSAY_FUZZ_RUNS'] ?? 25);
const SEED = Number(process.env['ASSAY_FUZZ_SEED'] ?? 20_250_629);
const HANG_MS = 10_000;
const [OK, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED] = [0, 3, 5, 7, 16];
/** What a caller may be told about nonsense: never a fault of ours, nor nothing at all. */
const NO_ANSWER = [1, 2, 4, 12, 13, 14, 15];

const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const runner = await ScriptedRunner.connect(server);
afterAll(() => runner[Symbol.dispose]());
await server.ready();

const theirs = { ...(await addTenant(server, 'foreign')), canary: 'cormorant' };
const myEstate = await addEstate(server, runner, { apiKey: server.credentials.apiKey, canary: 'kestrel' });
const theirEstate = await addEstate(server, runner, theirs);
const address = await grpcAddressOf(server);
const me = await GrpcClient.of(server);
const them = await GrpcClient.of(server, theirs.apiKey);
const nobody = new GrpcClient(address);
afterAll(() => {
  for (const client of [me, them, nobody]) client[Symbol.dispose]();
});

const named = (rpcs: readonly Rpc[]): [string, Rpc][] => rpcs.map((rpc) => [rpc.path, rpc]);
const scoped = allRpcs.filter(({ operation }) => declaredOf(operation).scope !== 'authenticated');

const jsonOf = ({ method }: Rpc, bytes: Uint8Array): string =>
  toJsonString(method.output, fromBinary(method.output, bytes));

describe('without a credential', () => {
  test.each(named(allRpcs))('%s is refused', async (_, rpc) => {
    const refusal = await refusalOf(send(nobody, rpc, requestOf(rpc, myEstate)));
    expect(refusal).toMatchObject({ code: UNAUTHENTICATED, reason: 'credential.missing' });
    expect(refusal.trailers.get('x-request-id')).toHaveLength(1);
  });
});

describe('with a credential that is none', async () => {
  const { accessToken } = await signIn(server.anonymous, server.credentials);
  const [head, body] = accessToken.split('.');
  test.each([
    ['a key that nobody has', { 'x-api-key': 'sk_YyQBt4LLKsaKVuHLZ1CmB9C0vn5fCiSY09SkGY' }, UNAUTHENTICATED],
    ['a token without its signature', { authorization: `Bearer ${head}.${body}.` }, UNAUTHENTICATED],
    ['another scheme', { authorization: `Basic ${accessToken}` }, UNAUTHENTICATED],
    ['two different ones', { authorization: `Bearer ${accessToken}`, 'x-api-key': theirs.apiKey }, INVALID_ARGUMENT],
    [
      'a token for an organization of somebody else',
      { authorization: `Bearer ${accessToken}`, 'x-organization-id': theirs.orgId },
      NOT_FOUND,
    ],
    [
      'a key for an organization of somebody else',
      { 'x-api-key': server.credentials.apiKey, 'x-organization-id': theirs.orgId },
      NOT_FOUND,
    ],
  ])('%s is refused by every RPC', async (_, metadata, code) => {
    for (const rpc of allRpcs) {
      const refusal = await refusalOf(send(nobody, rpc, requestOf(rpc, myEstate), metadata as Record<string, string>));
      expect([rpc.path, refusal.code]).toEqual([rpc.path, code]);
    }
  });

  test('a token serves as well as a key, also for the organization that is named', async () => {
    const { message } = await nobody.call(IdentityService.method.me, {}, { authorization: `Bearer ${accessToken}` });
    const organization = String(message.principal?.organizationId);
    const again = await nobody.call(
      IdentityService.method.me,
      {},
      { authorization: `Bearer ${accessToken}`, 'x-organization-id': organization.toUpperCase() },
    );
    expect(again.message).toEqual(message);
  });
});

describe('a key without the scope', async () => {
  const { raw_key } = await server.sdk().apiKeys.create({ name: 'No scope', scopes: [] });
  const powerless = await GrpcClient.of(server, raw_key);
  afterAll(() => powerless[Symbol.dispose]());
  test.each(named(scoped))('%s is refused', async (_, rpc) => {
    const refusal = await refusalOf(send(powerless, rpc, requestOf(rpc, myEstate)));
    expect(refusal).toMatchObject({ code: PERMISSION_DENIED, reason: 'access.scope_missing' });
  });
});

describe('an RPC about one thing', () => {
  test.each(named(allRpcs.filter(isAboutOne)))(
    '%s finds nothing of another organization, and does not say that it exists',
    async (_, rpc) => {
      const foreign = await refusalOf(send(me, rpc, requestOf(rpc, theirEstate)));
      const unknown = await refusalOf(send(me, rpc, requestOf(rpc, NOTHING)));
      expect(foreign.code).toBe(NOT_FOUND);
      expect({ ...foreign, trailers: null }).toEqual({ ...unknown, trailers: null });
      expect(jsonOf(rpc, await send(them, rpc, requestOf(rpc, theirEstate)))).not.toBe('');
    },
  );
});

describe('an RPC over all things', () => {
  test.each(named(allRpcs.filter((rpc) => !isAboutOne(rpc))))(
    '%s shows nothing of another organization',
    async (_, rpc) => {
      const shown = jsonOf(rpc, await send(me, rpc, requestOf(rpc, myEstate)));
      for (const word of [theirs.orgId, ...Object.values(theirEstate)]) expect(shown).not.toContain(word);
    },
  );

  test('a decision about a thing of another organization is that there is none', async () => {
    for (const rpc of allRpcs.filter(({ path }) => path.includes('AuthzService'))) {
      expect(jsonOf(rpc, await send(me, rpc, requestOf(rpc, theirEstate)))).toMatch(/"reason":"not_found"/);
    }
  });
});

describe('by another library', () => {
  const transport = createGrpcTransport({ baseUrl: `http://${address}` });
  const header = { 'x-api-key': server.credentials.apiKey };

  test.each(named(allRpcs))('%s is answered', async (_, rpc) => {
    const { method } = rpc;
    const request = fromBinary(method.input, requestOf(rpc, myEstate));
    if (method.methodKind === 'unary') {
      const { message } = await transport.unary(method as DescMethodUnary, undefined, HANG_MS, header, request);
      expect(message.$typeName).toBe(method.output.typeName);
      return;
    }
    const leaving = new AbortController();
    const requests = (async function* () {
      yield request;
    })();
    const { message } = await transport.stream(
      method as DescMethodServerStreaming,
      leaving.signal,
      HANG_MS,
      header,
      requests,
    );
    for await (const first of message) {
      expect(first.$typeName).toBe(method.output.typeName);
      break;
    }
    leaving.abort();
  });
});

/** Any value of a field's type, mostly a wrong one. */
function anyValueOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarOf(field.scalar);
    case 'enum':
      return fc.integer({ min: -1, max: 12 });
    case 'message':
      return messageOf(field.message, depth);
    case 'list':
      return fc.array(
        field.listKind === 'scalar'
          ? scalarOf(field.scalar)
          : field.message
            ? messageOf(field.message, depth)
            : fc.integer(),
        { maxLength: 4 },
      );
    case 'map':
      return fc.dictionary(
        fc.oneof(word, fc.constant('__proto__')),
        field.mapKind === 'scalar' ? scalarOf(field.scalar) : fc.constant({}),
        { maxKeys: 3 },
      );
  }
}

const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom(
    '',
    '../../etc/passwd',
    "' or 1=1 --",
    '\u0000',
    '\uFEFF',
    'a'.repeat(5_000),
    'print(1)',
    '0-0',
    'evaluation',
  ),
  fc.constant(theirEstate.evalId),
);

function scalarOf(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return word;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 50 });
    case ScalarType.INT64:
      return fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constant(0n));
    case ScalarType.DOUBLE:
      return fc.double();
    default:
      return fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, 30));
  }
}

function messageOf(desc: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  if (desc.typeName === 'google.protobuf.Struct')
    return fc.dictionary(word, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 });
  if (depth > 4) return fc.constant({});
  const fields = desc.fields.filter(({ oneof }) => oneof === undefined);
  return fc
    .record(Object.fromEntries(fields.map((field) => [field.localName, anyValueOf(field, depth + 1)])), {
      requiredKeys: [],
    })
    .map((init) => ({ ...init }));
}

/** A request: of the right fields with the wrong values, or of any bytes. */
const nonsenseFor = ({ method }: Rpc): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: messageOf(method.input, 0).map((init) => toBinary(method.input, create(method.input, init))),
    },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.constantFrom(Buffer.alloc(50_000, 0x0a), Buffer.alloc(50_000, 0x0b), Buffer.alloc(0)) },
  );

const nonsenseMetadata = fc.dictionary(
  fc.constantFrom('x-request-id', 'traceparent', 'idempotency-key', 'x-organization-id', 'cookie', 'x-forwarded-for'),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 300 }),
  { maxKeys: 2 },
);

describe('nonsense', () => {
  test.each(named(allRpcs))('%s answers it with a refusal, or takes it', async (_, rpc) => {
    const property = fc.asyncProperty(nonsenseFor(rpc), nonsenseMetadata, async (bytes, metadata) => {
      const startedAt = performance.now();
      const code = await send(me, rpc, bytes, metadata).then(
        () => OK,
        ({ code: refused }: { code: number }) => refused,
      );
      expect(NO_ANSWER).not.toContain(code);
      expect(performance.now() - startedAt).toBeLessThan(HANG_MS);
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  });

  test('after all of this the server has made no fault of its own, and works', async () => {
    expect(server.stderr).not.toContain('"level":"error"');
    expect((await server.anonymous.get('/readyz')).status).toBe(200);
    expect((await me.call(IdentityService.method.me, {})).message.principal?.kind).toBe('api_key');
  });
});
