import { join } from 'node:path';
import type { EngineName } from '@assay/contract/runner';
import type { ControlGroups } from './cgroup/control-group.ts';
import { openGroups } from './cgroup/open-groups.ts';
import type { Configuration } from './configuration.ts';
import type { Engine, EngineRefusal } from './engine.ts';
import { CanaryGround } from './engines/canary-ground.ts';
import { attackEngine } from './engines/self-attack.ts';
import { detectLanguages } from './languages/detection.ts';
import type { RejectedProgram, Toolchain } from './languages/language.ts';

/** What this machine can do: engines that could be made, those that could not, and the languages they run. */
export type MachineEngines = {
  engines: Engine[];
  refused: EngineRefusal[];
  toolchains: readonly Toolchain[];
  /** Programs of languages that were found and are not used, and why. */
  rejected: readonly RejectedProgram[];
  /** Control groups that the engines use; to be closed after them. */
  groups: ControlGroups | null;
  /** Why there are no control groups; empty when there are. */
  groupsReason: string;
};

export type MachineOptions = Pick<
  Configuration,
  'engines' | 'slots' | 'warm' | 'stateDir' | 'docker' | 'cgroup' | 'landlockSharedUid'
> & {
  runnerId: string;
  onTrouble(error: unknown): void;
};

/**
 * Makes the engines that the configuration allows and attacks each, all at once. Only what withstood is offered. Each
 * loads its libraries only when it is made.
 */
export async function makeEngines(options: MachineOptions): Promise<MachineEngines> {
  await using ground = await CanaryGround.open(options.stateDir);
  const { toolchains, rejected } = await detectLanguages();
  const access = openGroups(options.cgroup ?? undefined);
  const confined = {
    toolchains,
    groups: access.groups,
    groupsReason: access.groups === null ? access.reason : '',
    slots: options.slots,
    warm: options.warm,
    onTrouble: options.onTrouble,
  };
  const directory = (engine: EngineName): string => join(options.stateDir, 'boxes', `${engine}-${process.pid}`);
  const makers: Record<EngineName, () => Promise<Engine | EngineRefusal>> = {
    bubblewrap: async () => {
      const { createBubblewrapEngine } = await import('./engines/bubblewrap/create-bubblewrap-engine.ts');
      return createBubblewrapEngine({ ...confined, directory: directory('bubblewrap') });
    },
    landlock: async () => {
      const { createLandlockEngine } = await import('./engines/landlock/create-landlock-engine.ts');
      return createLandlockEngine({
        toolchains,
        directory: directory('landlock'),
        allowSharedUser: options.landlockSharedUid,
      });
    },
    gvisor: async () => {
      const { createGvisorEngine } = await import('./engines/gvisor/create-gvisor-engine.ts');
      return createGvisorEngine({ ...confined, directory: directory('gvisor') });
    },
    quickjs: async () => (await import('./engines/quickjs/quickjs-engine.ts')).createQuickJsEngine(),
    docker: () => makeDocker(options),
  };
  const wanted = options.engines.map((name) => () => makeOrRefuse(name, makers[name]));
  const made = await Promise.all(wanted.map(async (make) => attacked(await make(), ground)));
  return {
    engines: made.filter((one): one is Engine => 'run' in one),
    refused: made.filter((one): one is EngineRefusal => !('run' in one)),
    toolchains,
    rejected,
    groups: access.groups,
    groupsReason: confined.groupsReason,
  };
}

/** A fault while an engine is made is a reason to do without it, not without the others. */
async function makeOrRefuse(
  name: EngineName,
  make: () => Promise<Engine | EngineRefusal>,
): Promise<Engine | EngineRefusal> {
  try {
    return await make();
  } catch (error) {
    const reason = `it could not be made: ${error instanceof Error ? error.message : String(error)}`;
    return { engine: name, reason, fix: 'Mend what it names, then start the runner again.' };
  }
}

/** An engine that an attack got through is ended, and refused. */
async function attacked(made: Engine | EngineRefusal, ground: CanaryGround): Promise<Engine | EngineRefusal> {
  if (!('run' in made)) return made;
  const verdict = await attackEngine(made, ground);
  if (!('run' in verdict)) await made[Symbol.asyncDispose]();
  return verdict;
}

async function makeDocker({ docker, runnerId }: MachineOptions): Promise<Engine | EngineRefusal> {
  if (docker.socket === null) {
    return { engine: 'docker', reason: 'no socket is configured', fix: 'Name it with --docker-socket.' };
  }
  const { createDockerEngine } = await import('./engines/docker/docker-engine.ts');
  return createDockerEngine({
    host: `unix://${docker.socket}`,
    runnerId,
    ...(docker.runtime === null ? {} : { runtime: docker.runtime }),
  });
}
