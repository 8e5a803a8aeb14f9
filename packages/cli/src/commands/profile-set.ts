import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { addOutputOptions } from '../output-options.ts';
import { readConfig, writeConfig } from '../profiles.ts';
import { fields } from '../view.ts';

type Options = { server?: string; organization?: string };

const HELP = `
  assay profile set work --server https://assay.example.com
  assay profile set work --organization 11111111-2222-4333-8444-555555555555
  assay profile set work --organization ''`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'the profile')
    .option('--server <url>', 'where its server is', address)
    .option('--organization <id>', 'the organization to work in; nothing for that of the credential')
    .addHelpText('after', HELP);
  addOutputOptions(command, { quiet: 'print the name only' });
  command.action(async (name: string, { server, organization }: Options) => {
    if (server === undefined && organization === undefined) {
      throw usageError('Nothing is said that could be set.', 'Give --server, --organization, or both.');
    }
    const { configDir } = cli.environment;
    const config = await readConfig(configDir);
    const { organization: before, ...rest } = config.profiles[name] ?? {};
    const after = organization ?? before ?? '';
    const profile = {
      ...rest,
      ...(server !== undefined && { url: server }),
      ...(after !== '' && { organization: after }),
    };
    await writeConfig(configDir, { ...config, profiles: { ...config.profiles, [name]: profile } });
    await cli.printer.show({
      document: { profile: { name, ...profile } },
      ids: [name],
      human: fields(['profile', name], ['server', profile.url], ['organization', profile.organization]),
    });
  });
}

function address(value: string): string {
  const url = URL.parse(value);
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') return value;
  throw new InvalidArgumentError('It must be an http or https address.');
}
