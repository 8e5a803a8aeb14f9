import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('with-node.sh', import.meta.url));
const MANIFEST = new URL('../package.json', import.meta.url);

test('the Node of the lockfile runs, whatever the machine has', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  const argv = [SCRIPT, 'node', '--version'];
  const version = execFileSync('/bin/sh', argv, { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' });
  expect(version.trim()).toBe(`v${optionalDependencies[`node-linux-${process.arch}`]}`);
});
