import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { asset, file, HEALTHY } from '../../test/samples.ts';
import { type Routes, WireServer } from '../../test/wire-server.ts';
import { safeName } from '../asset-file.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

const GET = ['assets', 'get', asset.id];
const downloads = (route: Routes[string]): Routes => ({ [`GET /v1/assets/${asset.id}`]: route });

describe('a file', () => {
  test('is sent under its own name, with what is said of it', async () => {
    await writeFile(join(cwd, 'a.txt'), 'abc');
    await using server = await WireServer.start(HEALTHY);
    const argv = ['assets', 'put', 'a.txt', '--type', 'text/plain', '--expires', '1h', '-q'];
    expect(await assay(argv, { url: server.url, cwd })).toMatchObject({ exit: 0, stdout: `${asset.id}\n` });
    expect(server.last).toMatchObject({
      url: '/v1/assets?filename=a.txt&media_type=text%2Fplain&expires_in_seconds=3600',
      body: 'abc',
    });
  });

  test('is sent from standard input', async () => {
    await using server = await WireServer.start(HEALTHY);
    const argv = ['assets', 'put', '-', '--name', 'b.txt', '--json'];
    const { exit, stdout } = await assay(argv, { url: server.url, stdin: 'abc' });
    expect([exit, JSON.parse(stdout)]).toEqual([0, { asset }]);
    expect(server.last).toMatchObject({ url: '/v1/assets?filename=b.txt', body: 'abc' });
  });

  test('that arrives as another one is told', async () => {
    await using server = await WireServer.start(HEALTHY);
    const { exit, stderr } = await assay(['assets', 'put', '-'], { url: server.url, stdin: 'abd' });
    expect(exit).toBe(EXIT_CODES.integrityBroken);
    expect(stderr).toContain('the SHA-256 differs');
  });

  test('that is not there, or is a folder, is not sent', async () => {
    await using server = await WireServer.start(HEALTHY);
    for (const name of ['nothing', '.'])
      expect((await assay(['assets', 'put', name], { url: server.url, cwd })).exit).toBe(EXIT_CODES.usage);
    expect(server.received).toEqual([]);
  });
});

describe('a download', () => {
  test('is saved under its own name, never over another file unless that is meant', async () => {
    await using server = await WireServer.start(HEALTHY);
    const around = { url: server.url, cwd };
    expect(await assay(GET, around)).toMatchObject({ exit: 0, stdout: `${join(cwd, 'a.txt')}\n` });
    await writeFile(join(cwd, 'a.txt'), 'mine');
    expect((await assay(GET, around)).exit).toBe(EXIT_CODES.conflict);
    expect(await readFile(join(cwd, 'a.txt'), 'utf8')).toBe('mine');
    expect((await assay([...GET, '--force'], around)).exit).toBe(0);
    expect(await readFile(join(cwd, 'a.txt'), 'utf8')).toBe('abc');
    expect(await readdir(cwd)).toEqual(['a.txt']);
  });

  test('stays in its folder, whatever name it was given', async () => {
    await using server = await WireServer.start(downloads(file('abc', '../../\u001b[2J.profile')));
    const { exit, stdout } = await assay([...GET, '--json'], { url: server.url, cwd });
    expect([exit, JSON.parse(stdout)]).toMatchObject([0, { path: join(cwd, '_[2J.profile') }]);
    expect(await readdir(cwd)).toEqual(['_[2J.profile']);
  });

  test('that is not what it should be leaves nothing behind', async () => {
    await using server = await WireServer.start(downloads(file('abc', 'a.txt', '0'.repeat(64))));
    expect((await assay(GET, { url: server.url, cwd })).exit).toBe(EXIT_CODES.integrityBroken);
    expect(await readdir(cwd)).toEqual([]);
    const { exit, stdout } = await assay([...GET, '-o', '-'], { url: server.url, cwd });
    expect([exit, stdout]).toEqual([EXIT_CODES.integrityBroken, 'abc']);
  });

  test('goes to standard output, byte for byte', async () => {
    await using server = await WireServer.start(HEALTHY);
    expect(await assay([...GET, '-o', '-'], { url: server.url, cwd })).toMatchObject({ exit: 0, stdout: 'abc' });
    expect((await assay([...GET, '-o', '-', '--json'], { url: server.url, cwd })).exit).toBe(EXIT_CODES.usage);
  });
});

test.each([
  ['report.pdf', 'report.pdf'],
  ['out/a b.txt', 'a b.txt'],
  ['..\\..\\evil.exe', 'evil.exe'],
  ['.npmrc', '_npmrc'],
  ['--force', '_force'],
  ['gpj.\u202eexe', 'gpj._exe'],
  ['..', 'id'],
  ['', 'id'],
  ['/', 'id'],
])('%j is saved as %j', (filename, name) => {
  expect(safeName(filename, 'id')).toBe(name);
});
