import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { findStale } from './generate.mjs';

test('a generated file that was edited or is absent is stale, and one that is current is not', async () => {
  const root = mkdtempSync(join(tmpdir(), 'assay-generate-'));
  writeFileSync(join(root, 'current.json'), '1\n');
  writeFileSync(join(root, 'edited.json'), '2\n');
  const generators = ['current.json', 'edited.json', 'absent.json'].map((path) => ({
    path,
    render: async () => '1\n',
  }));
  expect(await findStale(generators, pathToFileURL(`${root}/`))).toEqual([
    { path: 'edited.json', content: '1\n' },
    { path: 'absent.json', content: '1\n' },
  ]);
  rmSync(root, { recursive: true });
});
