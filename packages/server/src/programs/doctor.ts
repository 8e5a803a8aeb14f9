import { execFile } from 'node:child_process';
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MIGRATIONS } from '../compose/database.ts';
import { planGrpc } from '../compose/grpc-listener.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { type DatabaseAddress, migrationState, newClient, readMigrations } from '../platform/db/index.ts';
import type { Invocation } from './index.ts';

/** One thing that a start needs: how it stands, and what to do when it does not. */
type Finding = { name: string; ok: boolean; detail: string; fix: string };

const MEGABYTE = 1 << 20;
/** Below this PostgreSQL cannot even make its directory. */
const LEAST_FREE_MB = 512;
const WORST_SKEW_MS = 5_000;

/** Checks everything that a start needs on this machine, and says how to mend what is missing. */
export async function doctor({ args, env, cwd }: Invocation): Promise<number> {
  const asJson = args.includes('--json');
  const findings: Finding[] = [nodeVersion()];
  try {
    const config = loadConfig({ args: args.filter((arg) => arg !== '--json'), env, cwd });
    findings.push(pass('configuration', 'every value can be read'));
    // The directory first: the others look at the disk that it is on.
    findings.push(await dataDirectory(config));
    findings.push(...(await Promise.all([diskSpace(config), port(config), grpc(config)])));
    findings.push(...(await database(config)));
  } catch (error) {
    findings.push(
      fail('configuration', said(error), 'Correct the named setting; `assay config` lists all with their sources.'),
    );
  }
  findings.push(...(await runnerFindings()));
  const isWell = findings.every(({ ok }) => ok);
  if (asJson) process.stdout.write(`${JSON.stringify({ ok: isWell, checks: findings }, null, 2)}\n`);
  else process.stdout.write(findings.map(line).join(''));
  return isWell ? 0 : 1;
}

const pass = (name: string, detail: string): Finding => ({ name, ok: true, detail, fix: '' });
const fail = (name: string, detail: string, fix: string): Finding => ({ name, ok: false, detail, fix });
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const line = ({ name, ok, detail, fix }: Finding): string =>
  `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}\n${ok || fix === '' ? '' : `      ${fix}\n`}`;

function nodeVersion(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 24) return pass('node', process.versions.node);
  return fail(
    'node',
    `${process.versions.node} is too old`,
    'Run `npm ci`: the lockfile brings Node 24, and `npx assay` uses it.',
  );
}

async function dataDirectory({ dataDir }: Config): Promise<Finding> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return pass('data directory', dataDir);
  } catch (error) {
    return fail(
      'data directory',
      `${dataDir}: ${said(error)}`,
      'Choose another with ASSAY_DATA_DIR, or let this user write there.',
    );
  }
}

async function diskSpace({ dataDir }: Config): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(dataDir);
    const free = Math.floor((bavail * bsize) / MEGABYTE);
    if (free >= LEAST_FREE_MB) return pass('disk', `${free} MB free`);
    return fail(
      'disk',
      `${free} MB free`,
      `Free at least ${LEAST_FREE_MB} MB there, or choose another directory with ASSAY_DATA_DIR.`,
    );
  } catch (error) {
    return fail('disk', said(error), 'Make the data directory readable.');
  }
}

async function port({ host, httpPort }: Config): Promise<Finding> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(httpPort, host, resolve);
    });
    return pass('port', `${host}:${httpPort} is free`);
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    // A server of ours that runs already is no fault.
    if (isTaken && (await answersAsAssay(host, httpPort)))
      return pass('port', `${host}:${httpPort} is served by a running Assay`);
    return fail(
      'port',
      `${host}:${httpPort}: ${said(error)}`,
      'Stop what uses it, or choose another with ASSAY_HTTP_PORT.',
    );
  } finally {
    server.close();
  }
}

async function grpc(config: Config): Promise<Finding> {
  try {
    const plan = await planGrpc(config);
    if (plan === null) return pass('grpc', 'is off');
    const port = plan.port === 'auto' ? 'the usual port, 3002, or a free one where that is taken' : `port ${plan.port}`;
    if (plan.caution !== null) return pass('grpc', plan.caution);
    return pass('grpc', `${plan.host}, ${port}, ${plan.tls === null ? 'in plain text' : 'with TLS'}`);
  } catch (error) {
    const isTaken = said(error).includes('EADDRINUSE');
    if (isTaken && (await answersAsAssay(config.host, config.httpPort)))
      return pass('grpc', `port ${config.grpcPort} is served by a running Assay`);
    return fail('grpc', said(error), 'Correct the settings that it names, or say ASSAY_GRPC_PORT=off.');
  }
}

const answersAsAssay = (host: string, httpPort: number): Promise<boolean> =>
  fetch(`http://${host}:${httpPort}/openapi.json`, { signal: AbortSignal.timeout(2_000) })
    .then((response) => response.json() as Promise<{ info?: { title?: string } }>)
    .then(({ info }) => info?.title === 'Assay')
    .catch(() => false);

async function database({ databaseUrl, dataDir }: Config): Promise<Finding[]> {
  if (databaseUrl === null) {
    const { openDataDirectory } = await import('../platform/embedded-postgres/data-directory.ts');
    const { prepareInstallation } = await import('../platform/embedded-postgres/installation.ts');
    try {
      const { version, account } = await prepareInstallation(await openDataDirectory(dataDir));
      return [pass('database', `our own PostgreSQL ${version} runs here, as ${account.name}`)];
    } catch (error) {
      return [fail('database', said(error), 'Set DATABASE_URL to a PostgreSQL of yours, or run `npm ci` again.')];
    }
  }
  const address: DatabaseAddress = { connectionString: databaseUrl.reveal() };
  const client = newClient(address, 'assay-doctor');
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number; now: Date }>(
      `select current_setting('server_version_num')::integer as version, clock_timestamp() as now`,
    );
    const [row] = rows;
    const skew = row ? Math.abs(row.now.getTime() - Date.now()) : 0;
    const found = await migrationState(address, await readMigrations(MIGRATIONS));
    return [
      (row?.version ?? 0) >= 150_000
        ? pass('database', `PostgreSQL ${Math.floor((row?.version ?? 0) / 10_000)} answers`)
        : fail('database', 'PostgreSQL is older than 15', 'Use PostgreSQL 15 or newer.'),
      skew <= WORST_SKEW_MS
        ? pass('clock', `${skew} ms from the database`)
        : fail('clock', `${skew} ms from the database`, 'Set this machine or the database host right, by NTP.'),
      found.state === 'ahead' || found.state === 'altered'
        ? fail('migrations', `the database is ${found.state}`, 'Start the release that this database belongs to.')
        : pass('migrations', found.state === 'current' ? 'current' : 'the next start brings them up to date'),
    ];
  } catch (error) {
    return [fail('database', said(error), 'Check DATABASE_URL: host, port, name, user and password.')];
  } finally {
    await client.end().catch(() => {});
  }
}

/** The runner program looks at the machine itself: it knows what its engines need. */
async function runnerFindings(): Promise<Finding[]> {
  const program = fileURLToPath(import.meta.resolve('@assay/runner/main'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--doctor', '--json'], {
      timeout: 60_000,
    });
    return (JSON.parse(stdout) as { checks: Finding[] }).checks;
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (stdout) return (JSON.parse(stdout) as { checks: Finding[] }).checks;
    return [fail('runner', said(error), 'Run `npm ci` again: the runner program could not be started.')];
  }
}
