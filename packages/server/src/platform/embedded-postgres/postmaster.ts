import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnAs } from './account.ts';
import { endOrphans } from './cluster-processes.ts';
import { type Connection, PORT, socketPath } from './connection.ts';
import { postgresErrors, programFailure } from './errors.ts';
import type { Installation } from './installation.ts';
import { LOG_SETTINGS, logLine, type ServerLog } from './server-log.ts';
import { Session } from './session.ts';
import { ServerError } from './wire.ts';

/** How a server ended. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null; output: string };

/** One running server, from the start of its first process to the end of it. */
export type Postmaster = {
  pid: number;
  exited: Promise<Exit>;
  /** Shuts down: open transactions are rolled back, and everything is written to disk. */
  stop(): Promise<void>;
};

/** What it takes to start a server. */
export type ServerPlan = { cluster: string; connection: Connection; installation: Installation; log: ServerLog };

const FAST_SHUTDOWN_MS = 20_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;
/** A server answers within milliseconds, if only "starting up", even while it recovers from a crash. */
const SILENCE_MS = 30_000;
const PROBE_EVERY_MS = 10;
/** One log-in; a server that accepts and then hangs would be waited for without end. */
const PROBE_PATIENCE_MS = 5_000;

const CANNOT_CONNECT_NOW = '57P03';
const TOO_MANY_CONNECTIONS = '53300';
const BAD_LOGIN = ['28P01', '28000'];

/**
 * Starts a server on a cluster and waits until it takes connections.
 * @throws AppError with PostgreSQL's own words when it does not come up
 */
export async function startPostmaster(plan: ServerPlan, signal?: AbortSignal): Promise<Postmaster> {
  const orphans = await endOrphans(plan.cluster);
  if (orphans.length > 0)
    plan.log.warn({ pids: orphans }, 'ended processes of an earlier PostgreSQL that had outlived it');
  // No server has the cluster now, and the directory of the socket is ours alone. PostgreSQL would take a dead process
  // that nobody has waited for yet, or another one with its number, for the owner of this file, and refuse to start.
  await rm(`${socketPath(plan.connection.host, plan.connection.port)}.lock`, { force: true });
  const postmaster = spawnPostmaster(plan);
  const settled = new AbortController();
  try {
    await Promise.race([
      untilReady(plan, AbortSignal.any([settled.signal, ...(signal ? [signal] : [])])),
      postmaster.exited.then(({ output }) => {
        throw programFailure('PostgreSQL did not start', output, plan.cluster);
      }),
    ]);
    return postmaster;
  } catch (error) {
    await postmaster.stop();
    throw error;
  } finally {
    settled.abort();
  }
}

function spawnPostmaster({ cluster, connection, installation, log }: ServerPlan): Postmaster {
  const settings = Object.entries({ ...LOG_SETTINGS, ...guards(connection.host) });
  const command = [
    installation.programs.postgres,
    '-D',
    cluster,
    ...settings.map(([name, value]) => `--${name}=${value}`),
  ];
  // In a session of its own, so that Ctrl-C reaches us first and the server ends after those who use it.
  const child = spawnAs(installation.account, command, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const recent: string[] = [];
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      recent.push(line);
      if (recent.length > 20) recent.shift();
      logLine(line, log);
    });
  }
  const closed = new Promise((resolve) => child.once('close', resolve));
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, output: error.message }));
    child.once('exit', async (code, signal) => {
      // Backends share its output and may outlive it for a moment: its last words are worth a short wait only.
      await Promise.race([closed, delay(200)]);
      resolve({ code, signal, output: recent.join('\n') });
    });
  });
  const stop = async () => {
    child.kill('SIGINT');
    if (await within(FAST_SHUTDOWN_MS, exited)) return;
    log.warn(
      { pid: child.pid },
      'PostgreSQL did not shut down in time: it is stopped at once, and recovers when it starts again',
    );
    child.kill('SIGQUIT');
    if (await within(IMMEDIATE_SHUTDOWN_MS, exited)) return;
    child.kill('SIGKILL');
    await exited;
    await endOrphans(cluster);
  };
  return { pid: child.pid ?? 0, exited, stop };
}

/** Settings that safety rests on, on the command line so that no file of the cluster can undo them. */
function guards(socketDirectory: string): Record<string, string> {
  return {
    listen_addresses: '',
    port: String(PORT),
    // The value is a list: quotes keep a comma in a path from splitting it.
    unix_socket_directories: `"${socketDirectory.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    password_encryption: 'scram-sha-256',
    fsync: 'on',
    full_page_writes: 'on',
    // A base backup needs more than "minimal".
    wal_level: 'replica',
  };
}

async function untilReady({ connection, log }: ServerPlan, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  let answered = began;
  let told = began;
  for (;;) {
    const state = await probe(connection, signal);
    if (state === 'ready') return;
    const now = performance.now();
    if (state === 'starting') answered = now;
    if (now - answered > SILENCE_MS) {
      throw postgresErrors.start_failed(
        `PostgreSQL runs, but has not answered on its socket in ${connection.host} for ${SILENCE_MS / 1000} seconds. ` +
          'Look at the warnings before this line, then start Assay again.',
      );
    }
    if (now - told > 10_000) {
      told = now;
      log.info(
        { seconds: Math.round((now - began) / 1000) },
        'PostgreSQL is recovering from a crash, which takes a while',
      );
    }
    await delay(PROBE_EVERY_MS, undefined, { signal });
  }
}

/** Asks by a whole log-in: a socket that accepts says nothing yet. */
async function probe(connection: Connection, signal: AbortSignal): Promise<'ready' | 'starting' | 'silent'> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PROBE_PATIENCE_MS)]);
    await using _session = await Session.open(connection, { signal: patience });
    return 'ready';
  } catch (error) {
    if (!(error instanceof ServerError)) return 'silent';
    // Clients that were waiting may have taken every place already.
    if (error.code === TOO_MANY_CONNECTIONS) return 'ready';
    if (error.code === CANNOT_CONNECT_NOW) return 'starting';
    if (BAD_LOGIN.includes(error.code)) {
      throw postgresErrors.wrong_password(
        `The embedded PostgreSQL refuses the password of ${connection.user}. Restore postgres.pgpass of the data ` +
          'directory from a backup, or delete it: the next start then sets new passwords.',
        { cause: error },
      );
    }
    throw postgresErrors.start_failed(`The embedded PostgreSQL can't be used: ${error.message}.`, { cause: error });
  }
}

async function within(ms: number, event: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const timeout = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const happened = await Promise.race([event.then(() => true), timeout]);
  timer.abort();
  return happened;
}
