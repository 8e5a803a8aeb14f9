import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { userInfo } from 'node:os';

/** As whom PostgreSQL's processes run. PostgreSQL refuses to run as root, and its files must be its user's. */
export type Account = {
  /** How it is done, for the log. */
  name: string;
  /** Put in front of a program's command line. Each word replaces itself by the next, so the process id stays. */
  prefix: readonly string[];
  /** The owner of the files on disk. */
  uid: number;
  gid: number;
  /** Set where the change of user is Node's to make, for want of a program to put in front. */
  spawnAs?: { uid: number; gid: number };
  /**
   * Who does what PostgreSQL does for users with a name only, as initdb and the single-user mode are, where this user
   * has none. Root hands the files over for that time.
   */
  named?: Account;
};

/**
 * The user for PostgreSQL where root can't have a user namespace. It has no name on purpose, and is not `nobody`: what
 * else runs as that user could read the database. Its number is in a range that systemd leaves unused
 * (60578–61183).
 */
const UNPRIVILEGED = 60_932;

/** Every system has a name for it. It is also what a user namespace shows for users that it does not map. */
const NOBODY = 65_534;

/**
 * Ends the server with its parent, by a fast shutdown, so that a killed Assay leaves no database behind. It must come
 * after the change of user, which resets it. What is lost in the instant before it takes hold, or where there is no
 * setpriv, is found at the next start.
 *
 * NOTE: the parent is the thread that started it, so a server started by a worker thread ends with that thread.
 */
const WITH_PARENT = ['--no-new-privs', '--pdeathsig', 'INT'];

/** Inside, the caller is an ordinary user with a name; outside, files stay the caller's. */
const NAMESPACE = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, 'setpriv', ...WITH_PARENT];

/** The ways to run PostgreSQL for a user, the best one first. Which of them work is for a probe to find out. */
export function accountsFor({ uid, gid, isNamed }: Caller): Account[] {
  const own = { uid, gid };
  const namespaced = { name: `user ${uid} in a user namespace`, prefix: NAMESPACE, ...own };
  if (uid === 0) return [namespaced, withNamed(dropTo), withNamed(dropToWithoutSetpriv)];
  return [
    ...(isNamed ? [] : [namespaced]),
    { name: `user ${uid}`, prefix: ['setpriv', ...WITH_PARENT], ...own },
    { name: `user ${uid}, outliving a killed parent`, prefix: [], ...own },
  ];
}

/** The user of this process, and whether the system has a name for it, as it has not for a container's `--user 1234`. */
export type Caller = { uid: number; gid: number; isNamed: boolean };

/** Who we are. */
export function currentCaller(): Caller {
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  try {
    return { ...ids, isNamed: userInfo().username !== '' };
  } catch {
    return { ...ids, isNamed: false };
  }
}

function withNamed(drop: (uid: number) => Account): Account {
  return { ...drop(UNPRIVILEGED), named: drop(NOBODY) };
}

/** The group stays the same, since it is the group that may pass the data directory. */
function dropTo(uid: number): Account {
  const ids = [`--reuid=${uid}`, `--regid=${UNPRIVILEGED}`, '--clear-groups'];
  return { name: `user ${uid}`, prefix: ['setpriv', ...ids, ...WITH_PARENT], uid, gid: UNPRIVILEGED };
}

function dropToWithoutSetpriv(uid: number): Account {
  const ids = { uid, gid: UNPRIVILEGED };
  return { name: `user ${uid}, outliving a killed parent`, prefix: [], ...ids, spawnAs: ids };
}

/**
 * Nothing of our own environment reaches the database, which has no use for our secrets; the path finds util-linux.
 * Messages stay in English, since we read them.
 */
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** Starts a program as an account. */
export function spawnAs(account: Account, command: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const [program = '', ...args] = [...account.prefix, ...command];
  return spawn(program, args, { ...options, ...account.spawnAs, cwd: '/', env: ENVIRONMENT });
}

/** What a program did: its exit code, or null when it was killed or could not be started, and what it printed. */
export type Outcome = { code: number | null; stdout: string; output: string };

/** Runs a program as an account to its end. */
export async function runAs(account: Account, command: readonly string[], input = ''): Promise<Outcome> {
  const child = spawnAs(account, command, { stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout.push(chunk);
    output.push(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
  // A program that fails early does not read its input; its exit code tells why.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      output.push(Buffer.from(error.message));
      resolve(null);
    });
    child.on('close', resolve);
  });
  return { code, stdout: Buffer.concat(stdout).toString(), output: Buffer.concat(output).toString() };
}
