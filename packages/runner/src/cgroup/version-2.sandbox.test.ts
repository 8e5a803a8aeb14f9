import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlGroup } from './control-group.ts';
import { groupsVersion2 } from './version-2.ts';

/*
 * Plain files in the place of the kernel's: what is asked of the kernel can be read from them. Few machines that run
 * these tests have a hierarchy of version 2 with controllers and the right to use it.
 */
let base: string;
beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/assay-cgroup2-`);
  writeFileSync(`${base}/cgroup.controllers`, 'cpuset cpu io memory pids\n');
  writeFileSync(`${base}/cgroup.subtree_control`, '');
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

const text = (path: string) => readFileSync(`${base}/${path}`, 'utf8');

function openGroup(): ControlGroup {
  const groups = withSubtreeFiles(() => groupsVersion2(base, 'owner'));
  return groups.create('box');
}

/** Directories below the base have the file to enable controllers from the start, as in the kernel. */
function withSubtreeFiles<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    const { path } = error as NodeJS.ErrnoException;
    if (!path?.endsWith('cgroup.subtree_control')) throw error;
    writeFileSync(path, '');
    return withSubtreeFiles(open);
  }
}

test('this process moves out of the way, and controllers are enabled from the top down', () => {
  openGroup();
  expect(text('assay-runner-self/cgroup.procs')).toBe(String(process.pid));
  for (const directory of ['', 'assay-runner/', 'assay-runner/owner/']) {
    expect(text(`${directory}cgroup.subtree_control`)).toBe('+memory +pids +cpu');
  }
});

test('limits are written in the words of version 2, and only when they change', async () => {
  const group = openGroup();
  const box = 'assay-runner/owner/box';
  writeFileSync(`${base}/${box}/memory.current`, '1000');
  group.limit({ memoryMb: 64, processes: 10, cpus: 1.5 });
  expect([text(`${box}/memory.max`), text(`${box}/pids.max`), text(`${box}/cpu.max`)]).toEqual([
    String(64 << 20),
    '10',
    '150000 100000',
  ]);
  writeFileSync(`${base}/${box}/pids.max`, 'untouched');
  group.limit({ memoryMb: 128, processes: 10, cpus: 0.001 });
  expect([text(`${box}/memory.max`), text(`${box}/pids.max`), text(`${box}/cpu.max`)]).toEqual([
    String(128 << 20),
    'untouched',
    '1000 100000',
  ]);
  await group.attach(4711);
  expect(text(`${box}/cgroup.procs`)).toBe('4711');
});

test('a limit below what is used is refused', () => {
  const group = openGroup();
  writeFileSync(`${base}/assay-runner/owner/box/memory.current`, String(65 << 20));
  expect(() => group.limit({ memoryMb: 64, processes: 10, cpus: 1 })).toThrow('uses more memory');
});

test('usage is read from the files of version 2', () => {
  const group = openGroup();
  const files = {
    'cpu.stat': 'usage_usec 1500000\nuser_usec 1\n',
    'memory.peak': String(3 << 20),
    'memory.events': 'low 0\noom 2\noom_kill 1\n',
    'pids.events': 'max 4\n',
  };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(`${base}/assay-runner/owner/box/${name}`, content);
  }
  expect(group.usage()).toEqual({ cpuMs: 1500, memoryPeakMb: 3, memoryKills: 1, refusedForks: 4 });
});

test('a subtree without the controllers is refused by name', () => {
  writeFileSync(`${base}/cgroup.controllers`, 'hugetlb cpu\n');
  expect(() => groupsVersion2(base, 'owner')).toThrow('has no controller memory, pids');
});
