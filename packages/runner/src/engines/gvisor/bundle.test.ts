import { expect, test } from 'vitest';
import { sandboxBundle } from './bundle.ts';

type Mount = { destination: string; type: string; options?: string[] };
type Bundle = {
  process: { args: string[]; noNewPrivileges: boolean; capabilities: Record<string, string[]> };
  root: { path: string; readonly: boolean };
  mounts: Mount[];
  linux: { namespaces: { type: string }[] };
};

const root = { directory: '/state/root', mounts: [['/usr', '/usr'] as const, ['/opt/go', '/opt/go'] as const] };
const limits = {
  wall_ms: 1000,
  cpu_ms: 1000,
  memory_mb: 64,
  processes: 7,
  cpus: 1,
  output_bytes: 1000,
  file_size_mb: 8,
  disk_mb: 64,
  open_files: 64,
};
const bundle = sandboxBundle(root, limits, false) as Bundle;

test('all of the machine that is shown is read-only', () => {
  expect(bundle.root).toEqual({ path: '/state/root', readonly: true });
  const bound = bundle.mounts.filter(({ type }) => type === 'bind');
  expect(bound.map(({ destination }) => destination)).toEqual(['/usr', '/opt/go']);
  for (const { options } of bound) expect(options).toContain('ro');
});

test('what can be written holds the disk limit between them', () => {
  const sizes = bundle.mounts
    .filter(({ destination }) => destination === '/work' || destination === '/tmp')
    .map(({ options }) => Number(/size=(\d+)/.exec(options?.join() ?? '')?.[1]));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(64 << 20);
});

test('the warden gets the number of processes, and no right beyond its task', () => {
  expect(bundle.process.args.slice(2, 4)).toEqual(['65534', '7']);
  expect(bundle.process.noNewPrivileges).toBe(true);
  for (const set of Object.values(bundle.process.capabilities)) {
    expect(set).toEqual(['CAP_KILL', 'CAP_SETUID', 'CAP_SETGID']);
  }
});

test('no namespace of the machine is shared', () => {
  const types = bundle.linux.namespaces.map(({ type }) => type);
  expect(types).toEqual(expect.arrayContaining(['pid', 'ipc', 'uts', 'mount', 'network']));
});
