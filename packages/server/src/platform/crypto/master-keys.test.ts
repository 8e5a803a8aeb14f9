import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchDirectory } from '../../../test/scratch-directory.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import { localKey } from './key-wrapper.ts';
import { MasterKeys, masterKeySources } from './master-keys.ts';

const newKey = (): string => randomBytes(32).toString('hex');
const idOf = (key: string): string => localKey(Buffer.from(key, 'hex')).id;

type Settings = { environment?: string };

async function load(file: string, { environment }: Settings = {}): Promise<MasterKeys & { created: string[] }> {
  const created: string[] = [];
  const sources = masterKeySources({
    file,
    environment: environment === undefined ? null : new Sensitive(environment),
    transit: null,
    onCreated: (made) => created.push(made),
  });
  return Object.assign(await MasterKeys.load(sources), { created });
}

describe('the master keys of a process', () => {
  test('are made in their file on first start, which is said once', async () => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'master.key');
    expect((await load(file)).created).toEqual([file]);
    const again = await load(file);
    expect(again.created).toEqual([]);
    expect(again.current.id).toMatch(/^local:[0-9a-f]{16}$/);
  });

  test('are several in a file while one takes the place of another, the newest first', async () => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'master.key');
    const [old, young] = [newKey(), newKey()];
    await writeFile(file, `${old}\n`, { mode: 0o600 });
    const keys = await load(file);
    await writeFile(file, `${young}\n${old}\n`);
    await keys.reload();
    expect(keys.ids).toEqual([idOf(young), idOf(old)]);
    expect([keys.current.id, keys.find(idOf(old))?.id, keys.find('local:other')]).toEqual([
      idOf(young),
      idOf(old),
      null,
    ]);
  });

  test('get a new one in front of those in the file, which stays for its owner alone', async () => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'master.key');
    const keys = await load(file);
    const before = keys.current.id;
    await keys.generate();
    expect(keys.ids).toHaveLength(2);
    expect(keys.ids[1]).toBe(before);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await load(file)).ids).toEqual(keys.ids);
  });

  test('come from the environment before the file, and no file is made beside it', async () => {
    await using folder = await scratchDirectory();
    const file = join(folder.path, 'master.key');
    const [one, other, filed] = [newKey(), newKey(), newKey()];
    const alone = await load(file, { environment: `${one}, ${other}` });
    expect([alone.ids, alone.created, alone.canGenerate]).toEqual([[idOf(one), idOf(other)], [], false]);
    await expect(readFile(file)).rejects.toThrow('ENOENT');
    await writeFile(file, filed, { mode: 0o600 });
    expect((await load(file, { environment: one })).ids).toEqual([idOf(one), idOf(filed)]);
  });

  test('are named by what does not help to guess them', () => {
    const key = newKey();
    expect(idOf(key)).toBe(idOf(key));
    expect(key).not.toContain(idOf(key).slice('local:'.length));
  });
});
