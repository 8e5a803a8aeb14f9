import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { isAbsent } from './atomic-file.ts';
import { CliError } from './cli-error.ts';
import { identifyProcess } from './process-identity.ts';

type Holder = { pid: number; identity: string | null };

const LOOK_MS = 25;
/** Longer than a request that hangs: whoever waits then finds what the other one wrote. */
const PATIENCE_MS = 75_000;

/**
 * Runs `work` while no other process does: of commands that start together, one renews the login and the others read
 * what it wrote. The lock of a process that has died is broken.
 * @throws CliError when another process holds it for too long
 */
export async function withLock<Result>(
  file: string,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const mine = JSON.stringify({ pid: process.pid, identity: await identifyProcess(process.pid) } satisfies Holder);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await take(file, mine, signal);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string, mine: string, signal: AbortSignal): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; ; ) {
    if (await isCreated(file, mine)) return;
    const found = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isAbsent(error)) return null;
      throw error;
    });
    if (found !== null && !(await isAlive(found))) await breakLock(file, found);
    else if (Date.now() > until) throw stuck(file);
    else await delay(LOOK_MS);
    signal.throwIfAborted();
  }
}

async function isCreated(file: string, content: string): Promise<boolean> {
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.writeFile(content);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** An empty file is one that is just being written. */
async function isAlive(content: string): Promise<boolean> {
  if (content === '') return true;
  const { pid, identity } = JSON.parse(content) as Holder;
  return (await identifyProcess(pid)) === identity;
}

/** Takes the lock of a dead process away. Should it have become somebody's in between, it is given back. */
async function breakLock(file: string, dead: string): Promise<void> {
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== dead) await link(aside, file);
  await rm(aside, { force: true });
}

const stuck = (file: string): CliError =>
  new CliError(`Another command holds ${file} for too long.`, {
    code: 'locked',
    exit: EXIT_CODES.conflict,
    hint: 'End that command, or remove the file.',
  });
