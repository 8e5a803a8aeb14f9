import { hostname } from 'node:os';
import { text as textOf } from 'node:stream/consumers';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Assay, DeviceAuthorization, OAuthTokens } from '@assay/sdk';
import type { Command } from 'commander';
import { findBrowser, openPage } from '../browser.ts';
import type { Cli } from '../cli.ts';
import { CliError, interrupted, usageError } from '../cli-error.ts';
import { clientOf } from '../connection.ts';
import { CLIENT_ID, secretOf } from '../login-keeper.ts';
import { several } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { Progress } from '../progress.ts';
import { type Secret, SecretsFile } from '../secrets.ts';
import { describeSelf, type Self } from '../self.ts';
import { chooseTarget, rememberTarget, type Target } from '../target.ts';
import { text } from '../view.ts';

type Options = { withToken?: boolean; scope?: string[]; browser: boolean };

const HELP = `
Opens a page where you let this command line in, or shows its address with a code to type in there.

  assay login --server https://assay.example.com
  assay login --with-token < key.txt`;

export function define(command: Command, cli: Cli): void {
  command
    .option('--with-token', 'keep an API key or access token, read from standard input')
    .option('--scope <scope>', 'ask for no more than this, like evaluations:read; may be repeated', several)
    .option('--no-browser', 'only show the address')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the id of who is signed in only' });
  command.action((options: Options) => login(options, cli));
}

async function login(options: Options, cli: Cli): Promise<void> {
  if (options.withToken && options.scope) throw usageError('A token has its scopes already.', 'Leave --scope out.');
  const target = await chooseTarget(cli.environment);
  const secret = options.withToken ? await readToken(target, cli) : await askPerson(options, target, cli);
  const key = secret.api_key ?? secret.access_token ?? '';
  // Tried before it is kept: what does not work replaces nothing.
  const assay = await clientOf(cli, { baseUrl: target.url, apiKey: key });
  const self = await describeSelf(assay, cli.signal);
  await new SecretsFile(cli.environment.configDir).update(target.profile, cli.signal, async () => secret);
  await rememberTarget(cli.environment, target);
  await report(self, target, cli);
}

async function report(self: Self, { profile, url }: Target, { printer, environment }: Cli): Promise<void> {
  const where = self.organization === null ? 'in no organization' : `organization ${self.organization}`;
  await printer.show({
    document: { profile, server: url, principal: self.principal, email: self.holder.email },
    ids: [self.principal.id],
    human: text(`Signed in as ${self.name}, ${where}. Profile: ${profile}.\n`),
  });
  if (environment.apiKey !== null) {
    await printer.note('The variable ASSAY_API_KEY is set: commands use it before this login.');
  }
}

async function readToken({ url }: Target, { stdin }: Cli): Promise<Secret> {
  const token = (await textOf(stdin)).trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw usageError('Standard input holds no token.', 'Pipe it in: assay login --with-token < key.txt');
  }
  return token.startsWith('sk_') ? { url, api_key: token } : { url, access_token: token };
}

/** The device flow: shows where to go and with which code, and waits until somebody has decided. */
async function askPerson({ scope, browser }: Options, { url }: Target, cli: Cli): Promise<Secret> {
  const assay = await clientOf(cli, { baseUrl: url });
  const device = await assay.oauth.authorizeDevice(
    { clientId: CLIENT_ID, deviceName: deviceName(), scope: scope?.join(' ') },
    { signal: cli.signal },
  );
  await show(device, browser, cli);
  return secretOf(url, await approval(assay, device, cli));
}

async function show(device: DeviceAuthorization, mayOpen: boolean, { printer, environment }: Cli): Promise<void> {
  const minutes = Math.floor(device.expires_in / 60);
  const lines = [
    `Open   ${device.verification_uri}`,
    `Code   ${device.user_code}`,
    `It is good for ${minutes} minutes. Check that the page shows this very code before you let anything in.`,
  ];
  // Also with --json: without the code nobody could go on. Standard output stays one document.
  await printer.program('stderr', `${lines.join('\n')}\n`);
  const program = mayOpen && printer.isInteractive ? await findBrowser(environment) : null;
  if (program !== null && !(await openPage(program, device.verification_uri_complete))) {
    await printer.note(`${program} could not be started: open the address yourself.`);
  }
}

async function approval(assay: Assay, device: DeviceAuthorization, cli: Cli): Promise<OAuthTokens> {
  using _ = new Progress(cli.printer, 'Waiting for you to decide', {
    plain: true,
    until: Date.now() + device.expires_in * 1000,
  });
  try {
    return await assay.oauth.waitForApproval(device, { clientId: CLIENT_ID }, { signal: cli.signal });
  } catch (error) {
    if (cli.signal.aborted) throw interrupted('You are not signed in.');
    throw isRefusal(error) ? (REFUSALS[error.code]?.(error) ?? error) : error;
  }
}

const isRefusal = (error: unknown): error is Error & { code: string } => error instanceof Error && 'code' in error;

const REFUSALS: Readonly<Record<string, (cause: Error) => CliError>> = {
  access_denied: (cause) =>
    new CliError('You were not let in: the request was refused on the page.', {
      code: 'access_denied',
      exit: EXIT_CODES.unauthenticated,
      cause,
    }),
  expired_token: (cause) =>
    new CliError('Nobody decided in time.', {
      code: 'expired_token',
      exit: EXIT_CODES.timedOut,
      hint: 'Begin again: assay login',
      cause,
    }),
};

/** What the page shows of this machine. Control characters have no place in it. */
const deviceName = (): string | undefined => hostname().replace(/\p{C}/gu, '').slice(0, 100) || undefined;
