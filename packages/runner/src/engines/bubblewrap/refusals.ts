import { readFileSync } from 'node:fs';
import type { EngineRefusal } from '../../engine.ts';

type Cause = { when: RegExp; reason: string; fix: string };

const CONTAINER_OPTIONS = '--security-opt seccomp=assay-seccomp.json --security-opt systempaths=unconfined';

/** What bubblewrap says when this machine does not let it make a box, and what to do about it. */
const CAUSES: readonly Cause[] = [
  {
    when: /No permissions to creat\w+ new namespace|Creating new namespace failed|setting up uid map/i,
    reason: 'this process may not make user namespaces',
    fix: `In a container: its seccomp profile forbids user namespaces. Run it with ${CONTAINER_OPTIONS}, or use the landlock engine. On the host: sysctl kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0.`,
  },
  {
    when: /mount proc/i,
    reason: '/proc is masked here, so no fresh one can be mounted',
    fix: 'Run the container with --security-opt systempaths=unconfined (podman: --security-opt unmask=ALL).',
  },
  {
    when: /pivot_root/i,
    reason: 'the system call pivot_root is blocked',
    fix: `CAP_SYS_ADMIN is not enough: the container engine's profile blocks pivot_root. Run it with ${CONTAINER_OPTIONS}.`,
  },
  {
    when: /Unexpected capabilities but not setuid/i,
    reason: 'this process passes capabilities on to those it starts',
    fix: 'Drop them: --cap-drop ALL for a container, AmbientCapabilities= (empty) for a systemd service.',
  },
];

const APPARMOR_SWITCH = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';

/** Explains why no box could be made, from what bubblewrap printed. */
export function explainFailure(printed: string): EngineRefusal {
  const cause = CAUSES.find(({ when }) => when.test(printed));
  if (!cause) {
    return {
      engine: 'bubblewrap',
      reason: printed,
      fix: 'Run the runner with --doctor, and bwrap by hand, to see more.',
    };
  }
  const appArmor = cause === CAUSES[0] && appArmorRestricts();
  const fix = appArmor
    ? 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for bwrap.'
    : cause.fix;
  return { engine: 'bubblewrap', reason: `${cause.reason}: ${printed}`, fix };
}

function appArmorRestricts(): boolean {
  try {
    return readFileSync(APPARMOR_SWITCH, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
