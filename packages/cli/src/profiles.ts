import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { isAbsent, writePrivately } from './atomic-file.ts';
import { CliError } from './cli-error.ts';

/** A server under a name, and what to use there when nothing else is said. */
export type Profile = { url?: string; organization?: string };

/** `config.toml`: no secrets, so it can be shared and kept under version control. */
export type Config = { current?: string; profiles: Record<string, Profile> };

export const DEFAULT_PROFILE = 'default';

const fileOf = (configDir: string): string => join(configDir, 'config.toml');

/** Reads `config.toml`; without one there are no profiles. */
export async function readConfig(configDir: string): Promise<Config> {
  const file = fileOf(configDir);
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isAbsent(error)) return null;
    throw error;
  });
  if (content === null) return { profiles: {} };
  const { parse } = await import('smol-toml');
  try {
    return checked(parse(content));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`${file} cannot be read: ${reason}`, {
      code: 'config',
      exit: EXIT_CODES.usage,
      hint: 'Correct it: `current = "name"`, and for each profile a table [profiles.name] with url and organization.',
      cause: error,
    });
  }
}

/** Writes `config.toml`. Comments in it are not kept. */
export async function writeConfig(configDir: string, config: Config): Promise<void> {
  const { stringify } = await import('smol-toml');
  await writePrivately(fileOf(configDir), `${stringify(config)}\n`);
}

function checked({ current, profiles = {}, ...rest }: Record<string, unknown>): Config {
  refuseOthers(rest, '');
  if (!isText(current)) throw new Error('current must be text.');
  if (!isTable(profiles)) throw new Error('profiles must be a table.');
  const entries = Object.entries(profiles).map(([name, profile]): [string, Profile] => {
    if (!isTable(profile)) throw new Error(`profiles.${name} must be a table.`);
    const { url, organization, ...others } = profile;
    refuseOthers(others, `profiles.${name}.`);
    if (!isText(url) || !isText(organization))
      throw new Error(`url and organization of profiles.${name} must be text.`);
    return [name, { ...(url !== undefined && { url }), ...(organization !== undefined && { organization }) }];
  });
  return { ...(current !== undefined && { current }), profiles: Object.fromEntries(entries) };
}

function refuseOthers(rest: Record<string, unknown>, prefix: string): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new Error(`${prefix}${unknown} is no setting.`);
}

const isText = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string';
const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
