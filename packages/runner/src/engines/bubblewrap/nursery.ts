import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onLine } from '../../output/lines.ts';
import type { BoxShape } from './box-plan.ts';
import { BOX_ENVIRONMENT } from './box-plan.ts';
import type { RootTree } from './root-tree.ts';
import { BOX_LOADERS } from './root-tree.ts';

/** What an interpreter needs to know of the box that it joins. */
export type NurseryOrder = {
  /** Host id of the box's first process. */
  initPid: number;
  /** Where the box's pipes are. */
  directory: string;
  shape: BoxShape;
  groups: readonly string[];
  /** Told `ready`, then `ended CODE`; or `failed WHY`. */
  onReport: (report: string) => void;
};

export type NurseryOptions = {
  python: string;
  root: RootTree;
  /** File of the system-call filter. */
  filter: string;
};

type Brood = { process: ChildProcess; orders: Map<string, (report: string) => void>; ordered: number };

const MB = 1 << 20;
/** The exit code of a program that SIGKILL ended. */
const KILLED = 137;

/**
 * Interpreters forked from one have its layout of memory and its seed of hashes. Another is started after so many, so
 * that neither is worth finding out.
 */
const MOST_CHILDREN = 500;

/** A Python that forks interpreters into boxes, see `loaders/assay_nursery.py`. Started again when it ends. */
export class Nursery implements AsyncDisposable {
  readonly #options: NurseryOptions;
  readonly #broods = new Set<Brood>();
  #current: Brood | undefined;

  constructor(options: NurseryOptions) {
    this.#options = options;
  }

  /** Begins to bring an interpreter into a box. */
  order({ initPid, directory, shape, groups, onReport }: NurseryOrder): void {
    if (this.#current && this.#current.ordered >= MOST_CHILDREN) this.#retire(this.#current);
    this.#current ??= this.#start();
    const { process, orders } = this.#current;
    const name = String(this.#current.ordered++);
    orders.set(name, onReport);
    const words = [name, initPid, directory, shape.fileSizeMb * MB, shape.openFiles, ...groups];
    process.stdin?.write(`${words.join('\t')}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#broods].map(async ({ process: child }) => {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
  }

  #start(): Brood {
    const { python, root, filter } = this.#options;
    const child = spawn(python, ['/work/main.py'], {
      cwd: '/',
      env: {
        ...BOX_ENVIRONMENT,
        PWD: '/work',
        PYTHONUSERBASE: `${root.directory}${BOX_LOADERS}/python`,
        ASSAY_NURSERY: filter,
      },
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    const brood: Brood = { process: child, orders: new Map(), ordered: 0 };
    this.#broods.add(brood);
    child.on('error', () => this.#lose(brood));
    child.on('exit', () => this.#lose(brood));
    child.stdin?.on('error', () => this.#lose(brood));
    if (child.stdout) onLine(child.stdout, (line) => take(brood, line));
    return brood;
  }

  /** Its children die with it, so it ends by itself, when the last of them has ended. */
  #retire(brood: Brood): void {
    brood.process.stdin?.end();
    this.#current = undefined;
  }

  #lose(brood: Brood): void {
    this.#broods.delete(brood);
    if (this.#current === brood) this.#current = undefined;
    for (const onReport of brood.orders.values()) onReport(`ended ${KILLED}`);
    brood.orders.clear();
  }
}

function take({ orders }: Brood, line: string): void {
  const [report = '', name = '', ...rest] = line.split(' ');
  const onReport = orders.get(name);
  if (report !== 'ready') orders.delete(name);
  onReport?.([report, ...rest].join(' '));
}
