import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ENGINES } from './configuration.ts';
import type { Engine } from './engine.ts';
import { type MachineEngines, makeEngines } from './machine-engines.ts';

/** One thing that a runner needs of its machine: how it stands, and what to do when it does not. */
export type Check = { name: string; ok: boolean; detail: string; fix: string };

/** The languages that must run after set-up. */
const EXPECTED_LANGUAGES = ['python', 'javascript', 'typescript', 'bash', 'c', 'cpp'];

const pass = (name: string, detail: string): Check => ({ name, ok: true, detail, fix: '' });
const fail = (name: string, detail: string, fix: string): Check => ({ name, ok: false, detail, fix });

/** Looks at this machine by trying: makes every default engine, attacks it, and finds the languages. */
export async function inspectMachine(): Promise<Check[]> {
  const stateDir = await mkdtemp(join(tmpdir(), 'assay-doctor-'));
  const machine = await makeEngines({
    engines: DEFAULT_ENGINES,
    slots: 1,
    warm: 0,
    stateDir,
    docker: { socket: null, runtime: null },
    cgroup: null,
    landlockSharedUid: false,
    runnerId: 'doctor',
    onTrouble: () => {},
  });
  try {
    return [...engineChecks(machine), accounting(machine), ...languageChecks(machine), orphans()];
  } finally {
    for (const engine of machine.engines) await engine[Symbol.asyncDispose]();
    await machine.groups?.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

function engineChecks({ engines, refused }: MachineEngines): Check[] {
  const describe = ({ level, version, missing }: Engine): string =>
    [`${level}, ${version}, withstood the self-attack`, ...missing].join('. ');
  const offered = engines.map((engine) => pass(`engine ${engine.name}`, describe(engine)));
  // Without bubblewrap the machine is weaker than it can be; the others only fill in for it.
  const others = refused.map(({ engine, reason, fix }) =>
    engine === 'bubblewrap'
      ? fail('engine bubblewrap', `not offered: ${reason}`, fix)
      : pass(`engine ${engine}`, `not offered: ${reason}`),
  );
  if (engines.length > 0) return [...offered, ...others];
  return [
    ...others,
    fail('isolation', 'no engine can be offered: no program will run', 'Mend one of the engines above.'),
  ];
}

const accounting = ({ groupsReason }: MachineEngines): Check =>
  pass(
    'cgroups',
    groupsReason === ''
      ? 'memory, CPU and processes are accounted for whole runs'
      : `memory and CPU totals are approximate: ${groupsReason}`,
  );

function languageChecks({ toolchains, rejected }: MachineEngines): Check[] {
  const found = new Map(toolchains.map(({ language, version }) => [language.name, version]));
  const absent = EXPECTED_LANGUAGES.filter((name) => !found.has(name));
  const list = [...found].map(([name, version]) => `${name} ${version}`).join(', ');
  const shims = rejected.map(({ path, reason }) => pass('language program', `${path} is not used: ${reason}`));
  if (absent.length === 0) return [pass('languages', list), ...shims];
  const fix = 'Debian and Ubuntu: sh scripts/setup-system.sh, or apt-get install python3 gcc g++ libc6-dev.';
  return [fail('languages', `missing: ${absent.join(', ')}; found: ${list}`, fix), ...shims];
}

const orphans = (): Check =>
  process.pid === 1
    ? fail(
        'process 1',
        'zombies would pile up: process 1 must collect them',
        'Run under an init: docker run --init, or tini.',
      )
    : pass('process 1', 'this is not it: orphans are collected');
