import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { protobufModules } from './render-protobuf.ts';

test('every generated module has its .proto file', () => {
  const cwd = fileURLToPath(new URL('../packages/contract/', import.meta.url));
  expect(globSync('src/gen/**/*.ts', { cwd }).toSorted()).toEqual(protobufModules());
});
