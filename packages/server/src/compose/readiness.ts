import { migrationState, readMigrations } from '../platform/db/index.ts';
import type { Check } from '../surfaces/ops/index.ts';
import type { Core } from './core.ts';
import { MIGRATIONS } from './database.ts';

const LIMIT_MS = 3_000;

/** Checks what this process needs to do its work. */
export async function checkReadiness(core: Core): Promise<Check[]> {
  const checks = [checkDatabase(core), checkMigrations(core), checkSignals(core), checkKeys(core), checkRunners(core)];
  return Promise.all(checks);
}

async function checkDatabase(core: Core): Promise<Check> {
  return attempt('database', async () => {
    await core.systemStatements((tx) => tx.query({ name: 'ready', text: 'select 1' }, []));
    const { total, idle, waiting } = core.database.load;
    return `answers; ${total - idle} connections in use, ${waiting} requests waiting`;
  });
}

async function checkMigrations(core: Core): Promise<Check> {
  return attempt('migrations', async () => {
    const found = await migrationState(core.address, await readMigrations(MIGRATIONS));
    if (found.state !== 'current')
      throw new Error(`the database is ${found.state}: restart this release with database.migrate on`);
    return `at version ${found.version}`;
  });
}

async function checkSignals(core: Core): Promise<Check> {
  const ok = core.wakeups.connected;
  return { name: 'queue', ok, detail: ok ? 'signals arrive' : 'signals of other processes do not arrive; polling' };
}

/** A process that lacks the master key that the installation moved to works on, and would not start again. */
async function checkKeys({ vault: { roots } }: Core): Promise<Check> {
  return attempt('encryption_keys', async () => {
    await roots.reload();
    if (roots.lacking !== null) {
      throw new Error(
        `the installation uses the master key ${roots.lacking}, which this process does not have: put it in front of the one that it has, then it is read by itself`,
      );
    }
    return `under the master key ${roots.masterKeyId}`;
  });
}

async function checkRunners(core: Core): Promise<Check> {
  const ready = core.fleet.runners.filter(({ isConnected, engines }) => isConnected && engines.length > 0);
  if (ready.length > 0) {
    const engines = [
      ...new Set(ready.flatMap((runner) => runner.engines.map(({ engine, level }) => `${engine} (${level})`))),
    ];
    return { name: 'runners', ok: true, detail: `${ready.length} connected; ${engines.join(', ')}` };
  }
  const reasons = core.fleet.refusals.map(({ engine, reason, fix }) => `${engine}: ${reason} ${fix}`);
  const detail =
    core.fleet.runners.length === 0
      ? 'no runner is connected'
      : `no engine passed its self-attack. ${reasons.join(' ')}`;
  return { name: 'runners', ok: false, detail };
}

async function attempt(name: string, check: () => Promise<string>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  try {
    return { name, ok: true, detail: await Promise.race([check(), late]) };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
