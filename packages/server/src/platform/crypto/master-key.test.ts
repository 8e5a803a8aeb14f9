import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { scratchDirectory } from '../../../test/scratch-directory.ts';
import { loadMasterKeys, type MasterKey } from './master-key.ts';

const run = promisify(execFile);

/** The first key of a file, made if there is none. */
async function loadMasterKey(file: string): Promise<{ key: MasterKey; created: boolean }> {
  const { keys, created } = await loadMasterKeys(file, { create: true });
  return { key: keys[0] as MasterKey, created };
}

const loadInProcess = async (file: string): Promise<string> => {
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { loadMasterKeys } from ${JSON.stringify(new URL('./master-key.ts', import.meta.url))};
     const { keys } = await loadMasterKeys(${JSON.stringify(file)}, { create: true });
     process.stdout.write(keys[0].reveal().toString('hex'));`,
  ]);
  return stdout;
};

describe('the master key', () => {
  test('is made once, for its owner alone, and read from then on', async () => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'data', 'master.key');
    const first = await loadMasterKey(file);
    const second = await loadMasterKey(file);
    expect([first.created, second.created]).toEqual([true, false]);
    expect(first.key.reveal()).toHaveLength(32);
    expect(second.key.reveal()).toEqual(first.key.reveal());
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(file))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(file))).toEqual(['master.key']);
  });

  test('does not print', async () => {
    await using folder = await scratchDirectory();
    const { key } = await loadMasterKey(join(folder.path, 'master.key'));
    expect(`${key} ${JSON.stringify({ key })}`).toBe('[secret] {"key":"[secret]"}');
  });

  test('is one for all who make it at the same time, in this process', async () => {
    for (let round = 0; round < 10; round++) {
      await using folder = await scratchDirectory();
      const file = join(folder.path, 'master.key');
      const loaded = await Promise.all(Array.from({ length: 20 }, () => loadMasterKey(file)));
      expect(new Set(loaded.map(({ key }) => key.reveal().toString('hex'))).size).toBe(1);
      expect(loaded.filter(({ created }) => created)).toHaveLength(1);
      expect(`${(await readFile(file, 'utf8')).trim()}`).toBe(loaded[0]?.key.reveal().toString('hex'));
      expect(await readdir(folder.path)).toEqual(['master.key']);
    }
  });

  test('is one for processes that start together', async () => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'master.key');
    const keys = await Promise.all([loadInProcess(file), loadInProcess(file), loadInProcess(file)]);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([0o644, 0o640, 0o604, 0o660])(
    'that others can read, mode %o, is refused with the command to mend it',
    async (mode) => {
      await using folder = await scratchDirectory();
      const file = join(folder.path, 'master.key');
      await loadMasterKey(file);
      await chmod(file, mode);
      await expect(loadMasterKey(file)).rejects.toThrow(`readable by other users. Run: chmod 600 ${file}`);
    },
  );

  test.each([
    ['is empty', ''],
    ['is too short', 'ab'.repeat(31)],
    ['is too long', 'ab'.repeat(33)],
    ['is not hexadecimal', 'xy'.repeat(32)],
  ])('that %s is refused, and left as it is', async (_name, content) => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'master.key');
    await writeFile(file, content, { mode: 0o600 });
    await expect(loadMasterKey(file)).rejects.toThrow(/does not hold a master key .* Restore it from a backup/);
    expect(await readFile(file, 'utf8')).toBe(content);
  });

  test('in a folder that cannot be written is read and nothing else', async () => {
    await using folder = await scratchDirectory();
    const mounted = join(folder.path, 'secrets');
    await mkdir(mounted);
    const file = join(mounted, 'master.key');
    const { key } = await loadMasterKey(file);
    const before = await stat(mounted);
    expect((await loadMasterKey(file)).key.reveal()).toEqual(key.reveal());
    // As root no mode keeps us from writing; that nothing was written shows in the folder's times.
    expect((await stat(mounted)).mtimeMs).toBe(before.mtimeMs);
    expect((await stat(mounted)).ctimeMs).toBe(before.ctimeMs);
  });
});
