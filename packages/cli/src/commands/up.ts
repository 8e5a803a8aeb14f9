import type { Command } from 'commander';
import { BackgroundServer, type ServerStart } from '../background-server.ts';
import type { Cli } from '../cli.ts';
import { interrupted, usageError } from '../cli-error.ts';
import { DEFAULT_URL } from '../credentials.ts';
import { seconds } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { Progress } from '../progress.ts';
import { readServerSettings, serverEnvironment, serverProgram } from '../server-program.ts';
import { ensureRunning } from '../start-up.ts';
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
  const start = { program: serverProgram(), args, env: serverEnvironment(environment), cwd };
  const { url, pid, isNew } = await bringUp(server, start, timeout, cli);
  const words = await server.unread();
  await printer.show({
    document: { url, pid, started: isNew, data_dir: dataDir, log: server.logFile, message: words.trim() },
    ids: [url],
    human: text(words === '' ? `Assay runs at ${url}\n` : words),
  });
  // The first start's secrets are shown once. With --quiet they have not been, and wait for the next time.
  if (printer.format !== 'quiet') await server.forgetWords();
  if (url !== environment.url && url !== DEFAULT_URL) await printer.note(`Commands find it with ASSAY_URL=${url}`);
  await printer.note(`It runs in the background, process ${pid}. Its log: ${server.logFile}. Stop it with: assay down`);
}

async function bringUp(server: BackgroundServer, start: ServerStart, timeout: number, { printer, signal }: Cli) {
  using _ = new Progress(printer, 'Starting', { plain: true });
  try {
    return await ensureRunning(server, start, { deadline: Date.now() + timeout * 1000, signal });
  } catch (error) {
    throw signal.aborted ? interrupted('The server goes on starting. Stop it with: assay down') : error;
  }
}
