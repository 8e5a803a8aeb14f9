import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identifyProcess } from './process-identity.ts';

test('a process keeps its identity, and no other has it', async () => {
  const own = await identifyProcess(process.pid);
  expect(own).toBe(await identifyProcess(process.pid));
  expect(own).not.toBe(await identifyProcess(process.ppid));
});

test('a process that has ended has none', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  expect(await identifyProcess(child.pid ?? 0)).toBeNull();
});

test.each([0, -1, 1.5, Number.NaN])('%d is no process', async (pid) => {
  expect(await identifyProcess(pid)).toBeNull();
});
