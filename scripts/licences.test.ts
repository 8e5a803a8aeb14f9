import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { isPermissive, productionDependencies } from './licences.mjs';

const REPOSITORY = new URL('..', import.meta.url);

test('everything that ships has a licence that lets us ship it', () => {
  const dependencies = productionDependencies(REPOSITORY);
  expect(dependencies.length).toBeGreaterThan(100);
  expect(dependencies.filter(({ licence }) => !isPermissive(licence))).toEqual([]);
});

test.each(['MIT', '(MIT OR GPL-3.0-only)', 'Apache-2.0 AND MIT', 'BSD-3-Clause'])('%s is permissive', (licence) => {
  expect(isPermissive(licence)).toBe(true);
});

test.each([
  'GPL-3.0-only',
  'LGPL-2.1-or-later',
  'AGPL-3.0',
  'MPL-2.0',
  'BUSL-1.1',
  'SSPL-1.0',
  'Elastic-2.0',
  'MIT AND GPL-2.0',
  '(MIT OR GPL-2.0) AND GPL-2.0',
  'SEE LICENSE IN LICENSE.md',
  'UNLICENSED',
  '',
])('"%s" is refused', (licence) => {
  expect(isPermissive(licence)).toBe(false);
});

test('a dependency counts on every platform, unless only development needs it', () => {
  const root = mkdtempSync(join(tmpdir(), 'assay-licences-'));
  const packages = {
    '': { name: 'root' },
    'packages/server': { version: '1.0.0' },
    'node_modules/@assay/server': { link: true },
    'node_modules/shipped': { version: '1.0.0', license: 'MIT' },
    'node_modules/shipped/node_modules/@inner/part': { version: '2.0.0', license: 'GPL-3.0-only' },
    'node_modules/elsewhere-only': { version: '3.0.0', optional: true, os: ['aix'] },
    'node_modules/tool': { version: '4.0.0', dev: true, license: 'GPL-3.0-only' },
  };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  expect(productionDependencies(pathToFileURL(`${root}/`))).toEqual([
    { name: 'shipped', version: '1.0.0', licence: 'MIT' },
    { name: '@inner/part', version: '2.0.0', licence: 'GPL-3.0-only' },
    { name: 'elsewhere-only', version: '3.0.0', licence: '' },
  ]);
  rmSync(root, { recursive: true });
});
