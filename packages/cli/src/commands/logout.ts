import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { clientOf } from '../connection.ts';
import { DEFAULT_URL } from '../credentials.ts';
import { describeFailure } from '../failure.ts';
import { addOutputOptions } from '../output-options.ts';
import { DEFAULT_PROFILE, readConfig } from '../profiles.ts';
import { type Secret, SecretsFile } from '../secrets.ts';
import { text } from '../view.ts';

const HELP = `
Ends the login at the server and forgets it here. A key that was kept with --with-token is forgotten and goes on working:
\`assay keys revoke\` ends one.`;

export function define(command: Command, cli: Cli): void {
  command.addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the profile only' });
  command.action(() => logout(cli));
}

async function logout(cli: Cli): Promise<void> {
  const { environment, printer, signal } = cli;
  const config = await readConfig(environment.configDir);
  const profile = environment.profile ?? config.current ?? DEFAULT_PROFILE;
  let failure: unknown = null;
  let secret: Secret | undefined;
  await new SecretsFile(environment.configDir).update(profile, signal, async (before) => {
    secret = before;
    if (before?.refresh_token !== undefined) {
      const url = before.url ?? config.profiles[profile]?.url ?? DEFAULT_URL;
      failure = await revoke(before.refresh_token, url, cli).catch((error: unknown) => error ?? 'failed');
    }
    return null;
  });
  await printer.show({
    document: {
      profile,
      was_signed_in: secret !== undefined,
      revoked: secret?.refresh_token !== undefined && !failure,
    },
    ids: [profile],
    human: text(`${sentence(secret, profile)}\n`),
  });
  if (failure) {
    const { message } = describeFailure(failure);
    await printer.note(`The server could not be told, so the login goes on there until it is ended: ${message}`);
  }
}

async function revoke(token: string, url: string, cli: Cli): Promise<null> {
  const assay = await clientOf(cli, { baseUrl: url });
  await assay.oauth.revoke(token, { signal: cli.signal, timeout: 10_000, maxRetries: 1 });
  return null;
}

function sentence(secret: Secret | undefined, profile: string): string {
  if (secret === undefined) return `Nobody was signed in with profile ${profile}.`;
  if (secret.refresh_token !== undefined) return `Signed out. Profile: ${profile}.`;
  return `What was kept for profile ${profile} is forgotten here; it goes on working elsewhere.`;
}
