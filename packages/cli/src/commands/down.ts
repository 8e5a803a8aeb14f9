import { setTimeout as pause } from 'node:timers/promises';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Command } from 'commander';
import { BackgroundServer } from '../background-server.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import { seconds } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { Progress } from '../progress.ts';
import { readServerSettings } from '../server-program.ts';
import { text } from '../view.ts';

type Options = { timeout: number; dataDir?: string };

const LOOK_MS = 50;

export function define(command: Command, cli: Cli): void {
  command
    .option('--data-dir <folder>', 'data directory of the server')
    .option('--timeout <time>', 'how long to wait for its end', seconds, 60);
  addOutputOptions(command, { quiet: 'print the process that was stopped' });
  command.action((options: Options) => down(options, cli));
}

async function down({ timeout, dataDir: folder }: Options, cli: Cli): Promise<void> {
  const { environment, printer, cwd, signal } = cli;
  const args = folder === undefined ? [] : ['--data-dir', folder];
  const { dataDir } = await readServerSettings(args, { env: environment.all, cwd });
  const server = new BackgroundServer(dataDir);
  const running = await server.running();
  if (!running) {
    await server.forget();
    return printer.show({
      document: { stopped: false, pid: null, data_dir: dataDir },
      human: text(`No server runs in the background of ${dataDir}.\n`),
    });
  }
  process.kill(running.pid, 'SIGTERM');
  await untilEnded(server, { ...running, deadline: Date.now() + timeout * 1000, signal, printer });
  await server.forget();
  await printer.show({
    document: { stopped: true, pid: running.pid, data_dir: dataDir },
    ids: [String(running.pid)],
    human: text(`Stopped process ${running.pid}.\n`),
  });
}

type Waiting = Pick<Cli, 'signal' | 'printer'> & { pid: number; deadline: number };

/** Running work is finished or handed back first; only then the server ends. */
async function untilEnded(server: BackgroundServer, { pid, deadline, signal, printer }: Waiting): Promise<void> {
  using _ = new Progress(printer, 'Stopping', { plain: true });
  while ((await server.running())?.pid === pid) {
    if (Date.now() > deadline) {
      throw new CliError(`Process ${pid} was told to stop and has not ended in time.`, {
        code: 'stop_timeout',
        exit: EXIT_CODES.timedOut,
        hint: `Its log: ${server.logFile}. To give up what it is doing: kill -9 ${pid}`,
      });
    }
    await pause(LOOK_MS, undefined, { signal });
  }
}
