import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { assertKnownProfile } from '../known-profile.ts';
import { addOutputOptions } from '../output-options.ts';
import { readConfig, writeConfig } from '../profiles.ts';
import { SecretsFile } from '../secrets.ts';
import { text } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<name>', 'the profile').option('-y, --yes', 'also one that is signed in');
  addOutputOptions(command, { quiet: 'print the name only' });
  command.action(async (name: string, { yes }: { yes?: boolean }) => {
    const { configDir } = cli.environment;
    await assertKnownProfile(configDir, name);
    const secrets = new SecretsFile(configDir);
    if (!yes && (await secrets.read())[name]) {
      throw usageError(
        `Profile ${name} is signed in, and what it signs in with would be lost.`,
        `Sign out first: ASSAY_PROFILE=${name} assay logout. Or say that this is meant: --yes`,
      );
    }
    await secrets.update(name, cli.signal, async () => null);
    const { current, profiles } = await readConfig(configDir);
    const { [name]: _, ...others } = profiles;
    await writeConfig(configDir, { ...(current !== undefined && current !== name && { current }), profiles: others });
    await cli.printer.show({ document: { removed: name }, ids: [name], human: text(`Forgot profile ${name}.\n`) });
  });
}
