/** The controllers that bound a box. */
export const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** Directories of the groups this process is in: one for all controllers (version 2), or one for each (version 1). */
export type OwnGroups = { version: 2; directory: string } | { version: 1; directories: Record<Controller, string> };

type Mount = { root: string; path: string; kind: string; options: string[] };

/** Reads `/proc/self/mountinfo` and `/proc/self/cgroup`: which hierarchies there are, and where we stand in them. */
export function findOwnGroups(mountinfo: string, cgroup: string): OwnGroups[] {
  const mounts = parseMounts(mountinfo);
  const paths = parsePaths(cgroup);
  const found: OwnGroups[] = [];
  const unified = mounts.find(({ kind }) => kind === 'cgroup2');
  const unifiedPath = paths.get('');
  if (unified && unifiedPath !== undefined) {
    found.push({ version: 2, directory: within(unified, unifiedPath) });
  }
  const directories: Partial<Record<Controller, string>> = {};
  for (const controller of CONTROLLERS) {
    const mount = mounts.find(({ kind, options }) => kind === 'cgroup' && options.includes(controller));
    const path = paths.get(controller);
    if (mount && path !== undefined) directories[controller] = within(mount, path);
  }
  if (isComplete(directories)) found.push({ version: 1, directories });
  return found;
}

function isComplete(directories: Partial<Record<Controller, string>>): directories is Record<Controller, string> {
  return CONTROLLERS.every((controller) => directories[controller] !== undefined);
}

function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '/', path = ''] = left.split(' ');
    const [kind = '', , options = ''] = right.split(' ');
    return kind.startsWith('cgroup') ? [{ root, path, kind, options: options.split(',') }] : [];
  });
}

/** By controller; the unified hierarchy under the empty name. */
function parsePaths(cgroup: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of cgroup.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  return paths;
}

/** A container sees its own group as the root of the mount while `/proc/self/cgroup` may name it as the host does. */
function within(mount: Mount, path: string): string {
  const inside = mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path;
  return `${mount.path}${inside}`.replace(/\/+$/, '');
}
