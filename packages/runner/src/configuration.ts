import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ENGINES, type EngineName } from '@assay/contract/runner';

/** What one runner was told: by flags, else by the environment. */
export type Configuration = {
  connect: string;
  tokenFile: string;
  stateDir: string;
  name: string;
  slots: number;
  /** Sandboxes to keep started ahead; 0 turns the pool off. */
  warm: number;
  /** Engines that may be offered. Those that are opt-in are offered only when named. */
  engines: readonly EngineName[];
  docker: { socket: string | null; runtime: string | null };
  /** A delegated cgroup below the roots of the hierarchies. */
  cgroup: string | null;
  /** Offer Landlock on kernels where a program could signal the runner, whose user it shares. */
  landlockSharedUid: boolean;
  exitWithParent: boolean;
};

/** Offered without being asked for: none of them needs more rights than the runner has. */
export const DEFAULT_ENGINES: readonly EngineName[] = ['bubblewrap', 'landlock', 'quickjs'];

const FLAGS = {
  connect: { type: 'string' },
  'token-file': { type: 'string' },
  'state-dir': { type: 'string' },
  name: { type: 'string' },
  slots: { type: 'string' },
  warm: { type: 'string' },
  engines: { type: 'string' },
  'docker-socket': { type: 'string' },
  'docker-runtime': { type: 'string' },
  cgroup: { type: 'string' },
  'landlock-shared-uid': { type: 'boolean' },
  'exit-with-parent': { type: 'boolean' },
} as const;

export const USAGE = `Usage: node packages/runner/src/main.ts --connect unix:/path|https://host:3001 --token-file FILE
  --state-dir DIR       where it keeps its identity and its boxes (required)
  --name NAME           how it shows in lists (host name)
  --slots N             programs at once (number of cores)
  --warm N              sandboxes kept started ahead, 0 for none (four per slot)
  --engines A,B         engines that it may offer (${DEFAULT_ENGINES.join(',')})
  --docker-socket PATH  Docker-compatible socket for the engine docker; --docker-runtime NAME (runsc for gVisor)
  --cgroup PATH         a delegated cgroup, below the roots of the hierarchies
  --landlock-shared-uid offer landlock before Linux 6.12 to an ordinary user: programs could signal the runner
  --exit-with-parent    end when standard input closes
  --doctor [--json]     look at this machine and say what is missing
Each flag can be said in the environment as ASSAY_RUNNER_<FLAG>, with underscores.
`;

/**
 * Reads flags over environment over defaults.
 * @throws Error that names the flag and what it must be
 */
export function readConfiguration(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Configuration {
  const { values } = parseArgs({ args: [...args], options: FLAGS, strict: true });
  const said = (flag: keyof typeof FLAGS): string | undefined => {
    const value = values[flag] ?? env[`ASSAY_RUNNER_${flag.toUpperCase().replaceAll('-', '_')}`];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const required = (flag: keyof typeof FLAGS): string => {
    const value = said(flag);
    if (value === undefined) throw new Error(`--${flag} is missing.\n${USAGE}`);
    return value;
  };
  const slots = count('slots', said('slots'), availableParallelism());
  return {
    connect: required('connect'),
    tokenFile: resolve(required('token-file')),
    stateDir: resolve(required('state-dir')),
    name: said('name') ?? hostname(),
    slots: Math.max(1, slots),
    warm: count('warm', said('warm'), 4 * slots),
    engines: engineNames(said('engines')),
    docker: { socket: said('docker-socket') ?? null, runtime: said('docker-runtime') ?? null },
    cgroup: said('cgroup') ?? null,
    landlockSharedUid: values['landlock-shared-uid'] === true,
    exitWithParent: values['exit-with-parent'] === true,
  };
}

function count(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,3}$/.test(text)) throw new Error(`--${flag} must be a whole number below 1000; it is "${text}".`);
  return Number(text);
}

function engineNames(text: string | undefined): readonly EngineName[] {
  if (text === undefined) return DEFAULT_ENGINES;
  return text.split(',').map((name) => {
    const known = ENGINES.find((engine) => engine === name.trim());
    if (known === undefined) throw new Error(`--engines knows ${ENGINES.join(', ')}; it does not know "${name}".`);
    return known;
  });
}
