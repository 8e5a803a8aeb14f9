import { allRpcs } from '@assay/contract/grpc';
import { expect, test } from 'vitest';
import { declaredOperations } from '../scripts/render-permissions.ts';

const operations = new Map(declaredOperations().map((operation) => [operation.name, operation]));

test('every RPC runs an operation that exists', () => {
  expect(allRpcs.filter(({ operation }) => !operations.has(operation)).map(({ path }) => path)).toEqual([]);
});

test('every RPC needs a credential', () => {
  expect(allRpcs.filter(({ operation }) => operations.get(operation)?.scope === 'public')).toEqual([]);
});

test('every RPC answers once, or with a stream: none reads a stream', () => {
  const kinds = new Set(allRpcs.map(({ method }) => method.methodKind));
  expect([...kinds].sort()).toEqual(['server_streaming', 'unary']);
});
