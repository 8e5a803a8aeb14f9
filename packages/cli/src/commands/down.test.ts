import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { assay } from '../../test/assay.ts';
import { BackgroundServer } from '../background-server.ts';
import { untilReady } from '../start-up.ts';

const program = fileURLToPath(new URL('../../test/fake-server.mjs', import.meta.url));

// Each test starts programs, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'assay-cli-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

test('a server in the background is shown by status and stopped by down', async () => {
  const server = new BackgroundServer(dataDir);
  await server.start({ program, args: [], env: process.env, cwd: dataDir }, new AbortController().signal);
  const { url, pid } = await untilReady(server, {
    deadline: Date.now() + 10_000,
    signal: new AbortController().signal,
  });
  const at = ['--data-dir', dataDir, '--json'];
  const around = { env: { PATH: process.env['PATH'] ?? '' } };
  expect(JSON.parse((await assay(['status', ...at], around)).stdout)).toMatchObject({ url, pid, ready: true });
  expect(JSON.parse((await assay(['down', ...at], around)).stdout)).toMatchObject({ stopped: true, pid });
  expect(await server.running()).toBeNull();
  expect(JSON.parse((await assay(['down', ...at], around)).stdout)).toMatchObject({ stopped: false, pid: null });
});
