import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addOutputOptions } from '../output-options.ts';
import { DEFAULT_PROFILE, readConfig } from '../profiles.ts';
import { type Secret, SecretsFile } from '../secrets.ts';
import { table } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  addOutputOptions(command, { quiet: 'print names only' });
  command.action(async () => {
    const { configDir, profile: wanted } = cli.environment;
    const [config, secrets] = await Promise.all([readConfig(configDir), new SecretsFile(configDir).read()]);
    const current = wanted ?? config.current ?? DEFAULT_PROFILE;
    const names = [...new Set([...Object.keys(config.profiles), ...Object.keys(secrets)])].sort();
    const profiles = names.map((name) => ({
      name,
      current: name === current,
      url: config.profiles[name]?.url ?? secrets[name]?.url ?? null,
      organization: config.profiles[name]?.organization ?? null,
      credential: kindOf(secrets[name]),
    }));
    await cli.printer.show({
      document: { profiles },
      ids: names,
      human: table(
        ['', 'name', 'server', 'organization', 'credential'],
        profiles.map((each) => [each.current ? '*' : ' ', each.name, each.url, each.organization, each.credential]),
        'There are no profiles. `assay login` makes one.',
      ),
    });
  });
}

/** What a profile signs in with, without showing any of it. */
function kindOf(secret: Secret | undefined): 'login' | 'api_key' | 'token' | null {
  if (secret?.refresh_token !== undefined) return 'login';
  if (secret?.api_key !== undefined) return 'api_key';
  return secret?.access_token === undefined ? null : 'token';
}
