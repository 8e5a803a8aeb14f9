import { expect, test } from 'vitest';
import { findOwnGroups } from './hierarchy.ts';

const VERSION_1 = [
  '35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
  '36 30 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory',
  '37 30 0:33 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids',
].join('\n');

test('on version 1, controllers that are mounted together share a directory', () => {
  const cgroup = '4:pids:/user\n3:memory:/user/7\n2:cpu,cpuacct:/\n';
  expect(findOwnGroups(VERSION_1, cgroup)).toEqual([
    {
      version: 1,
      directories: {
        memory: '/sys/fs/cgroup/memory/user/7',
        pids: '/sys/fs/cgroup/pids/user',
        cpu: '/sys/fs/cgroup/cpu,cpuacct',
        cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
      },
    },
  ]);
});

test('on version 2, one directory holds all controllers', () => {
  const mountinfo = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
  expect(findOwnGroups(mountinfo, '0::/system.slice/assay.service\n')).toEqual([
    { version: 2, directory: '/sys/fs/cgroup/system.slice/assay.service' },
  ]);
});

test('in a container, a path that the host names is found under the mount', () => {
  const mountinfo = '30 23 0:26 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw';
  expect(findOwnGroups(mountinfo, '0::/docker/ab\n')).toMatchObject([{ directory: '/sys/fs/cgroup' }]);
  expect(findOwnGroups(mountinfo, '0::/\n')).toMatchObject([{ directory: '/sys/fs/cgroup' }]);
});

test('a hierarchy that lacks a controller is not offered', () => {
  const withoutPids = VERSION_1.split('\n').slice(0, 2).join('\n');
  expect(findOwnGroups(withoutPids, '3:memory:/\n2:cpu,cpuacct:/\n')).toEqual([]);
});
