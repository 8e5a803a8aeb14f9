import { readFileSync } from 'node:fs';
import type { ControlGroups } from './control-group.ts';
import { processName } from './group-directory.ts';
import type { OwnGroups } from './hierarchy.ts';
import { findOwnGroups } from './hierarchy.ts';
import { groupsVersion1 } from './version-1.ts';
import { groupsVersion2 } from './version-2.ts';

/** Control groups, or why this process can make none. */
export type GroupAccess = { groups: ControlGroups } | { groups: null; reason: string };

/**
 * Finds a hierarchy in which this process may bound others. `subtree` names a delegated group under the root of each
 * hierarchy; without it, groups are made below the one this process is in.
 */
export function openGroups(subtree: string | undefined): GroupAccess {
  const reasons: string[] = [];
  for (const own of ownGroups(subtree)) {
    const owner = `${processName(process.pid)}`;
    try {
      return { groups: open(own, owner) };
    } catch (error) {
      reasons.push(`version ${own.version}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const reason = reasons.length > 0 ? reasons.join('; ') : 'no cgroup file system with memory, pids and cpu is mounted';
  return { groups: null, reason };
}

function open(own: OwnGroups, owner: string): ControlGroups {
  const groups = own.version === 2 ? groupsVersion2(own.directory, owner) : groupsVersion1(own.directories, owner);
  // A mount can look writable and refuse: make one group, bound it and remove it.
  const probe = groups.create('probe');
  probe.limit({ memoryMb: 64, processes: 8, cpus: 1 });
  probe.usage();
  void probe.remove();
  return groups;
}

function ownGroups(subtree: string | undefined): OwnGroups[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const cgroup = readFileSync('/proc/self/cgroup', 'utf8');
  if (subtree === undefined) return findOwnGroups(mountinfo, cgroup);
  const path = `/${subtree.replace(/^\/+/, '')}`;
  return findOwnGroups(mountinfo, cgroup.replace(/^(\d+:[^:]*:).*$/gm, `$1${path}`));
}
