import { readdirSync, readFileSync } from 'node:fs';

export type HostProcess = { pid: number; parent: number; command: string };

/** Every process of this machine; one that ends while it is looked at is left out. */
export function listProcesses(): HostProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The name in brackets may hold anything, a closing bracket too: the fields start after the last one.
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        if (fields[0] === 'Z') return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(name), parent: Number(fields[1]), command }];
      } catch {
        return [];
      }
    });
}

/** Processes anywhere on this machine whose command line holds a mark, inside sandboxes too. */
export const processesMarked = (mark: string): HostProcess[] =>
  listProcesses().filter(({ command }) => command.includes(mark));

/** A process and all that descend from it. */
export function processTree(root: number): HostProcess[] {
  const all = listProcesses();
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}
