import { foreignMs, machineBusyMs, type Process, processTree, residentMemory, treeMs } from '../measure/proc-stat.ts';

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

/** CPU time by part. What a sandbox used cannot be told apart from what the kernel did to make and unmake it. */
export const CPU_PARTS = ['server', 'postgres', 'runner', 'bench', 'sandboxes'] as const;
export type CpuByPart = Record<(typeof CPU_PARTS)[number], number>;

/**
 * CPU time that each part of an installation has used, and this process, milliseconds; `sandboxes` is all that the
 * machine did beside that and beside other people's processes. Only differences of two readings say something.
 */
export function readCpu(serverPid: number | null): CpuByPart {
  const { server, postgres, runner } = serverPid === null ? NO_PARTS : partsOf(serverPid);
  const own = (list: readonly Process[]): number => list.reduce((sum, { ownMs }) => sum + ownMs, 0);
  const { user, system } = process.cpuUsage();
  const known = { server: own(server), postgres: treeMs(postgres), runner: own(runner), bench: (user + system) / 1e3 };
  const accounted = known.server + known.postgres + known.runner + known.bench;
  return { ...known, sandboxes: machineBusyMs() - foreignMs(process.pid) - accounted };
}

const NO_PARTS: Tree = { server: [], postgres: [], runner: [], sandboxes: [] };

/** CPU time of each part between two readings, per act, milliseconds. */
export const cpuPerAct = (before: CpuByPart, after: CpuByPart, acts: number): CpuByPart =>
  Object.fromEntries(CPU_PARTS.map((part) => [part, (after[part] - before[part]) / acts])) as CpuByPart;

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
