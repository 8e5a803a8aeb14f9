import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

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
};

/**
 * The user for PostgreSQL where root can't have a user namespace. It has no name on purpose, and is not `nobody`: what
 * else runs as that user could read the database. Its number is in a range that systemd leaves unused
 * (60578–61183).
 */
const UNPRIVILEGED = 60_932;

/**
 * Ends the server with its parent, by a fast shutdown, so that a killed Assay leaves no database behind. It must come
 * after the change of user, which resets it. What is lost in the instant before it takes hold, or where there is no
 * setpriv, is found at the next start.
 */
const WITH_PARENT = ['--no-new-privs', '--pdeathsig', 'INT'];

const OVERFLOW = 65_534;

/** The ways to run PostgreSQL for a user, the best one first. Which of them work is for a probe to find out. */
export function accountsFor(uid: number, gid: number): Account[] {
  if (uid !== 0) {
    return [
      { name: 'this user', prefix: ['setpriv', ...WITH_PARENT], uid, gid },
      { name: 'this user, outliving a killed parent', prefix: [], uid, gid },
    ];
  }
  const drop = [`--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, '--clear-groups'];
  const unprivileged = { uid: UNPRIVILEGED, gid: UNPRIVILEGED };
  return [
    {
      // Inside, root is an ordinary user; outside, files stay root's, below directories that only root can enter.
      name: 'root in a user namespace',
      prefix: ['unshare', '--user', `--map-user=${OVERFLOW}`, `--map-group=${OVERFLOW}`, 'setpriv', ...WITH_PARENT],
      uid,
      gid,
    },
    { name: `user ${UNPRIVILEGED}`, prefix: ['setpriv', ...drop, ...WITH_PARENT], ...unprivileged },
    {
      name: `user ${UNPRIVILEGED}, outliving a killed parent`,
      prefix: [],
      ...unprivileged,
      spawnAs: unprivileged,
    },
  ];
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
