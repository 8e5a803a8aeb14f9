import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay, PlatformStatus, Readiness } from '@assay/sdk';
import type { Command } from 'commander';
import { BackgroundServer, type RunningServer } from '../background-server.ts';
import type { Cli } from '../cli.ts';
import { CliError, type ExitCode } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { describeFailure, failureDocument } from '../failure.ts';
import { addOutputOptions } from '../output-options.ts';
import { readServerSettings } from '../server-program.ts';
import { fields, type Value } from '../view.ts';

type Options = { dataDir?: string };
type Seen = { readiness: Readiness | null; platform: PlatformStatus | null; failure: unknown };

const HELP = `
Ends with 0 when the server is ready, 1 when it lacks something, 7 when nothing answers.`;

export function define(command: Command, cli: Cli): void {
  command.option('--data-dir <folder>', 'data directory of a server on this machine').addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print nothing; the exit code says it' });
  command.action((options: Options) => status(options, cli));
}

async function status(options: Options, cli: Cli): Promise<void> {
  const background = await findBackground(options, cli);
  const url = cli.environment.url ?? background?.url ?? null;
  const assay = await connect({ ...cli, environment: { ...cli.environment, url } });
  const seen = await look(assay, cli.signal);
  const { readiness, platform, failure } = seen;
  const pid = background && (cli.environment.url === null || background.url === assay.baseUrl) ? background.pid : null;
  await cli.printer.show({
    document: {
      url: assay.baseUrl,
      pid,
      ready: readiness?.status === 'ready',
      checks: readiness?.checks ?? [],
      platform,
      ...(failure !== null && failureDocument(describeFailure(failure))),
    },
    human: fields(['server', assay.baseUrl], ['process', pid ?? 'not started by assay up here'], ...describe(seen)),
  });
  cli.exit = exitOf(seen);
}

/** The server that `assay up` started here, if there is one: none is no fault, servers may be elsewhere. */
async function findBackground({ dataDir }: Options, { environment, cwd }: Cli): Promise<RunningServer | null> {
  const args = dataDir === undefined ? [] : ['--data-dir', dataDir];
  try {
    const settings = await readServerSettings(args, { env: environment.all, cwd });
    return await new BackgroundServer(settings.dataDir).running();
  } catch (error) {
    if (error instanceof CliError && dataDir === undefined) return null;
    throw error;
  }
}

async function look(assay: Assay, signal: AbortSignal): Promise<Seen> {
  const call = { signal, timeout: 10_000, maxRetries: 0 };
  const [readiness, platform] = await Promise.allSettled([assay.platform.readiness(call), assay.platform.status(call)]);
  if (signal.aborted) throw signal.reason;
  return {
    readiness: readiness.status === 'fulfilled' ? readiness.value : null,
    platform: platform.status === 'fulfilled' ? platform.value : null,
    failure: readiness.status === 'rejected' ? readiness.reason : null,
  };
}

function exitOf({ readiness, failure }: Seen): ExitCode {
  if (readiness === null) return describeFailure(failure).exit;
  return readiness.status === 'ready' ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function describe({ readiness, platform, failure }: Seen): [string, Value][] {
  if (readiness === null) return [['state', describeFailure(failure).message]];
  const checks = readiness.checks.map(({ name, ok, detail }): [string, Value] => [
    name,
    ok ? detail : `FAILS: ${detail}`,
  ]);
  const counts: [string, Value][] = platform
    ? [
        ['version', platform.version],
        ['mode', platform.mode],
        ['queued', platform.queue.queued],
        ['running', platform.queue.processing],
      ]
    : [];
  return [['state', readiness.status === 'ready' ? 'ready' : 'not ready'], ...checks, ...counts];
}
