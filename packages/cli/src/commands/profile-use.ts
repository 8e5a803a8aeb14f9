import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { assertKnownProfile } from '../known-profile.ts';
import { addOutputOptions } from '../output-options.ts';
import { readConfig, writeConfig } from '../profiles.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<name>', 'the profile');
  addOutputOptions(command, { quiet: 'print the name only' });
  command.action(async (name: string) => {
    const { configDir, profile } = cli.environment;
    await assertKnownProfile(configDir, name);
    await writeConfig(configDir, { ...(await readConfig(configDir)), current: name });
    await cli.printer.show({
      document: { current: name },
      ids: [name],
      human: text(`Commands use profile ${name}.\n`),
    });
    if (profile !== null && profile !== name) {
      await cli.printer.note(`The variable ASSAY_PROFILE is set to ${profile}, and goes before it.`);
    }
  });
}
