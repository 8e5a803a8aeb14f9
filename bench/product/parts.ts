import { type Process, processTree, residentMemory, treeMs } from '../measure/proc-stat.ts';

/** The parts of a running installation, as processes. */
export const PARTS = ['server', 'postgres', 'runner', 'sandboxes'] as const;
export type Part = (typeof PARTS)[number];

type Tree = Readonly<Record<Part, readonly Process[]>>;

const isPostmaster = ({ command }: Process): boolean => /(^|\/)postgres -D /.test(command);
const isRunner = ({ command }: Process): boolean => command.includes('runner/src/main');

/** Sorts an installation's processes: what the server started is PostgreSQL or the runner, what that started sandboxes. */
export function partsOf(serverPid: number): Tree {
  const tree = processTree(serverPid);
  const [server, ...rest] = tree;
  const all = new Map(tree.map((one) => [one.pid, one]));
  const postgres = rest.filter(isPostmaster).flatMap(({ pid }) => processTree(pid, all));
  const [runner, ...sandboxes] = rest.filter(isRunner).flatMap(({ pid }) => processTree(pid, all));
  return { server: server ? [server] : [], postgres, runner: runner ? [runner] : [], sandboxes };
}

/** CPU time that each part has used since it began, milliseconds. */
export function cpuOf(serverPid: number): Record<Part, number> {
  const { server, postgres, runner, sandboxes } = partsOf(serverPid);
  const own = (list: readonly Process[]): number => list.reduce((sum, { ownMs }) => sum + ownMs, 0);
  const reaped = (list: readonly Process[]): number => list.reduce((sum, { reapedMs }) => sum + reapedMs, 0);
  return {
    server: own(server),
    postgres: treeMs(postgres),
    runner: own(runner),
    // What a sandbox used moves to the runner when it has ended.
    sandboxes: reaped(runner) + treeMs(sandboxes),
  };
}

/** CPU time of each part between two readings, per act, milliseconds. */
export const cpuPerAct = (before: Record<Part, number>, after: Record<Part, number>, acts: number) =>
  Object.fromEntries(PARTS.map((part) => [part, (after[part] - before[part]) / acts])) as Record<Part, number>;

export type Memory = { rss: number; pss: number; processes: number };

/** Resident memory of each part, bytes. */
export function memoryOf(serverPid: number): Record<Part, Memory> {
  const tree = partsOf(serverPid);
  const sum = (list: readonly Process[]): Memory =>
    list.reduce<Memory>(
      (total, { pid }) => {
        const { rss, pss } = residentMemory(pid);
        return { rss: total.rss + rss, pss: total.pss + pss, processes: total.processes + 1 };
      },
      { rss: 0, pss: 0, processes: 0 },
    );
  return {
    server: sum(tree.server),
    postgres: sum(tree.postgres),
    runner: sum(tree.runner),
    sandboxes: sum(tree.sandboxes),
  };
}
