import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openGroups } from '../src/cgroup/open-groups.ts';
import type { Engine } from '../src/engine.ts';
import { createDockerEngine } from '../src/engines/docker/docker-engine.ts';
import { createGvisorEngine } from '../src/engines/gvisor/create-gvisor-engine.ts';
import { createLandlockEngine } from '../src/engines/landlock/create-landlock-engine.ts';
import { detectLanguages } from '../src/languages/detection.ts';
import { startDockerDaemon } from './docker-daemon.ts';
import type { Asked } from './engine-under-test.ts';
import { expectEngine, runProgram } from './engine-under-test.ts';
import type { HostileGround } from './hostile-ground.ts';
import { CANARY_SECRET, hostile, mounts, openHostileGround, processesNamed } from './hostile-ground.ts';

/*
 * Every hostile program on every engine besides bubblewrap, which hostile.sandbox.test.ts looks at more closely: whatever
 * a program tries, it ends in time and for a reason, reaches nothing, leaves nothing, and the receipt names the engine.
 */

const CORPUS = readdirSync(new URL('./hostile/', import.meta.url)).filter((name) => /\.(py|sh|c)$/.test(name));
const LANGUAGES: Readonly<Record<string, string>> = { py: 'python', sh: 'bash', c: 'c' };

const WALL_MS = 2_000;
/** Copying a program in, compiling it and clearing up after it are not its own time. */
const AROUND_MS = 15_000;

const LIMITS: NonNullable<Asked['limits']> = { wall_ms: WALL_MS, cpu_ms: 2_000, processes: 60, memory_mb: 256 };

/** Programs that never end by themselves, or take until they are stopped: a limit must have ended them. */
const ENDLESS = new Set(['forkexp.sh', 'loop.py', 'sleepign.py', 'flood.py', 'memchild.py']);

/**
 * What a program may report as a success all the same: in a kernel of its own it has its own netlink, device nodes that
 * no driver answers to, and its own memory killer to please.
 */
const HARMLESS: Readonly<Record<string, RegExp>> = {
  gvisor: /^(?:NETLINK LEAK socket created|mknod LEAK|oom_score_adj -1000 LEAK)$/,
};

/** Printed by each Python program before all else: a program that could not start has proved nothing. */
const STARTED = 'the program has started';

const MAKERS: Record<string, (directory: string, stack: AsyncDisposableStack) => Promise<Engine>> = {
  async landlock(directory) {
    const { toolchains } = await detectLanguages();
    return expectEngine(await createLandlockEngine({ directory, toolchains, allowSharedUser: false }));
  },
  async gvisor(directory, stack) {
    const access = openGroups(undefined);
    if (access.groups === null) throw new Error(`gVisor needs control groups: ${access.reason}.`);
    const { groups } = access;
    stack.defer(() => groups.close());
    const { toolchains } = await detectLanguages();
    return expectEngine(await createGvisorEngine({ directory, toolchains, groups, groupsReason: '' }));
  },
  async docker(_directory, stack) {
    const daemon = stack.use(await startDockerDaemon());
    const images = Object.fromEntries(Object.values(LANGUAGES).map((language) => [language, daemon.image]));
    return expectEngine(await createDockerEngine({ host: daemon.host, runnerId: 'corpus', images }));
  },
};

function programOf(file: string, engine: string, mark: string): { language: string; code: string } {
  const language = LANGUAGES[file.split('.').pop() ?? ''] ?? '';
  const text = hostile(file, language === 'python' ? mark : undefined);
  // The programs were written for a box whose working directory is /work.
  const placed = engine === 'landlock' ? text.replaceAll("'/work'", "'.'").replaceAll('/work/', './') : text;
  return { language, code: language === 'python' ? `print('${STARTED}', flush=True)\n${placed}` : placed };
}

describe.each(Object.entries(MAKERS))('on %s', (name, make) => {
  let ground: HostileGround;
  let engine: Engine;
  let resources: AsyncDisposableStack;
  let mountsBefore: string;

  beforeAll(async () => {
    ground = await openHostileGround();
    mountsBefore = mounts();
    resources = new AsyncDisposableStack();
    const directory = mkdtempSync(`${tmpdir()}/assay-engine-`);
    resources.defer(() => rm(directory, { recursive: true, force: true }));
    engine = resources.use(await make(directory, resources));
  }, 120_000);
  afterAll(async () => {
    await resources?.disposeAsync();
    await ground?.[Symbol.asyncDispose]();
    expect(mounts()).toBe(mountsBefore);
  });

  test.each(CORPUS)('%s is contained', { timeout: 60_000 }, async (file) => {
    const mark = `hostile-${randomBytes(3).toString('hex')}`;
    const { language, code } = programOf(file, name, mark);
    const hits = ground.hits();
    const started = Date.now();
    const ran = await runProgram(engine, language, code, {
      limits: LIMITS,
      args: file === 'sig.py' ? [String(ground.bystander), String(process.pid)] : [String(ground.port)],
      outputs: file === 'links.py' ? ['out/**', 'out/rootdir/etc/passwd'] : [],
    });
    expect(Date.now() - started).toBeLessThan(WALL_MS + AROUND_MS);
    const shown = `${ran.stdout}${ran.stderr}`;
    if (language === 'python') expect(ran.stdout).toContain(STARTED);
    expect(shown.split('\n').filter((line) => line.includes('LEAK') && !HARMLESS[name]?.test(line))).toEqual([]);
    expect(shown).not.toContain(CANARY_SECRET);
    expect(shown.length).toBeLessThanOrEqual(1 << 20);
    expect(ground.hits()).toBe(hits);
    expect(() => process.kill(ground.bystander, 0)).not.toThrow();
    if (ENDLESS.has(file)) expect(ran.reason).not.toBe('ok');
    expect(ran.files.filter(({ path }) => path !== 'out/ok.txt')).toEqual([]);
    expect(ran.receipt).toMatchObject({ engine: engine.name, level: engine.level });
    await expect.poll(() => processesNamed(mark), { timeout: 5_000 }).toEqual([]);
  });
});
