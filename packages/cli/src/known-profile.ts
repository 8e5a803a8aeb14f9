import { noProfile } from './credentials.ts';
import { readConfig } from './profiles.ts';
import { SecretsFile } from './secrets.ts';

/** @throws CliError when there is no profile of this name */
export async function assertKnownProfile(configDir: string, name: string): Promise<void> {
  const [{ profiles }, secrets] = await Promise.all([readConfig(configDir), new SecretsFile(configDir).read()]);
  if (!Object.hasOwn(profiles, name) && !Object.hasOwn(secrets, name)) throw noProfile(name, profiles, secrets);
}
