import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openBubblewrap } from './engine-under-test.ts';
import { processesNamed } from './hostile-ground.ts';

const PROGRAM = fileURLToPath(new URL('./run-until-killed.ts', import.meta.url));

/** Every process below one, with what it started. */
function descendants(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return [];
  const children = readdirSync(tasks).flatMap((task) =>
    readFileSync(`${tasks}/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

async function startRunning(name: string, cgroups: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, name, cgroups], { stdio: 'inherit' });
  await expect.poll(() => processesNamed(name).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
  return child;
}

test.each(['cgroups', 'no cgroups'])('a runner that is killed leaves no process behind, with %s', async (cgroups) => {
  const name = `crash-${randomBytes(3).toString('hex')}`;
  const child = await startRunning(name, cgroups);
  const started = descendants(child.pid ?? 0);
  expect(started.length).toBeGreaterThan(10);
  child.kill('SIGKILL');
  await expect.poll(() => processesNamed(name), { timeout: 5000 }).toEqual([]);
  await expect.poll(() => started.filter(isAlive), { timeout: 5000 }).toEqual([]);
});

test('the next runner removes the control groups that a killed one left', async () => {
  const child = await startRunning(`crash-${randomBytes(3).toString('hex')}`, 'cgroups');
  const groups = groupsOf(child.pid ?? 0);
  expect(groups.length).toBeGreaterThan(0);
  child.kill('SIGKILL');
  await expect.poll(() => isAlive(child.pid ?? 0), { timeout: 5000 }).toBe(false);
  await using _engine = await openBubblewrap({ cgroups: true });
  await expect.poll(() => groups.filter((path) => existsSync(path)), { timeout: 5000 }).toEqual([]);
});

/** Control groups that a runner made for itself: their directory is named for its process. */
function groupsOf(pid: number): string[] {
  const mounts = [...readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2? /gm)];
  return mounts.flatMap(([, mount = '']) =>
    readdirSync(mount, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && entry.parentPath.endsWith('/assay-runner') && entry.name.startsWith(`${pid}-`)
        ? [`${entry.parentPath}/${entry.name}`]
        : [],
    ),
  );
}
