import type { Command } from 'commander';
import { BackgroundServer } from '../background-server.ts';
import type { Cli } from '../cli.ts';
import { interrupted, usageError } from '../cli-error.ts';
import { seconds } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { Progress } from '../progress.ts';
import { readServerSettings, serverProgram } from '../server-program.ts';
import { untilReady } from '../start-up.ts';
import { text } from '../view.ts';

const HELP = `
It goes on running when this command has ended. Everything else on the line goes to the server, as with \`assay serve\`:

  assay up --data-dir /var/lib/assay --http-port 3001`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('[settings...]', 'settings of the server')
    .option('--timeout <time>', 'how long to wait until it is ready', seconds, 120)
    .allowUnknownOption()
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print its address only' });
  command.action((settings: string[], { timeout }: { timeout: number }) => up(settings, timeout, cli));
}

async function up(args: readonly string[], timeout: number, cli: Cli): Promise<void> {
  const { environment, printer, cwd } = cli;
  const { dataDir, roles } = await readServerSettings(args, { env: environment.all, cwd });
  if (!roles.includes('all') && !roles.includes('api')) {
    throw usageError('A server without the role api has no address to wait for.', 'Run it with `assay serve`.');
  }
  const server = new BackgroundServer(dataDir);
  const before = await server.running();
  if (!before) await server.start({ program: serverProgram(), args, env: environment.all, cwd });
  const { url, pid } = await start(server, timeout, cli);
  const words = await server.unread();
  await printer.show({
    document: { url, pid, started: before === null, data_dir: dataDir, log: server.logFile, message: words.trim() },
    ids: [url],
    human: text(words === '' ? `Assay runs at ${url}\n` : words),
  });
  // The first start's secrets are shown once. With --quiet they have not been, and wait for the next time.
  if (printer.format !== 'quiet') await server.forgetWords();
  await printer.note(`It runs in the background, process ${pid}. Its log: ${server.logFile}. Stop it with: assay down`);
}

async function start(server: BackgroundServer, timeout: number, { printer, signal }: Cli) {
  using _ = new Progress(printer, 'Starting', { plain: true });
  try {
    return await untilReady(server, { deadline: Date.now() + timeout * 1000, signal });
  } catch (error) {
    throw signal.aborted ? interrupted('The server goes on starting. Stop it with: assay down') : error;
  }
}
