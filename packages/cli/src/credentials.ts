import { EXIT_CODES } from '@assay/contract/exit-codes';
import { CliError } from './cli-error.ts';
import type { Environment } from './env.ts';
import { DEFAULT_PROFILE, readConfig } from './profiles.ts';
import { type Secret, SecretsFile } from './secrets.ts';

/** Which server to talk to, and as whom. */
export type Credentials = {
  url: string;
  /** A key, or an access token that somebody else renews. */
  apiKey: string | null;
  /** The tokens of `assay login`, which this program renews. */
  login: Secret | null;
  organization: string | null;
  profile: string;
};

/** Where a server of this machine is. */
export const DEFAULT_URL = 'http://127.0.0.1:3001';

/**
 * Finds server and credential: flags, then the environment, then the profile, then this machine without a credential.
 * The secret of a profile goes to the server that it was given by, whatever else says otherwise.
 * @throws CliError for files that cannot be used, and when the profile asked for is nowhere
 */
export async function findCredentials(environment: Environment): Promise<Credentials> {
  const { configDir } = environment;
  const [config, secrets] = await Promise.all([readConfig(configDir), new SecretsFile(configDir).read()]);
  const profile = environment.profile ?? config.current ?? DEFAULT_PROFILE;
  const chosen = config.profiles[profile];
  const secret = secrets[profile];
  if (environment.profile !== null && !chosen && !secret) throw noProfile(profile, config.profiles, secrets);
  const url = environment.url ?? chosen?.url ?? secret?.url ?? DEFAULT_URL;
  const own = secret && isSameServer(url, secret.url ?? chosen?.url ?? DEFAULT_URL) ? secret : null;
  return {
    url,
    apiKey: environment.apiKey ?? own?.api_key ?? null,
    login: environment.apiKey === null && own?.refresh_token !== undefined ? own : null,
    organization: environment.organization ?? chosen?.organization ?? null,
    profile,
  };
}

/** Whether two addresses are those of one server. */
export const isSameServer = (one: string, other: string): boolean => bare(one) === bare(other);

const bare = (url: string): string => (URL.parse(url)?.href ?? url).replace(/\/+$/, '');

/** The refusal of a profile that is nowhere. */
export function noProfile(name: string, ...of: readonly Readonly<Record<string, unknown>>[]): CliError {
  const known = [...new Set(of.flatMap((profiles) => Object.keys(profiles)))];
  return new CliError(`There is no profile "${name}".`, {
    code: 'no_profile',
    exit: EXIT_CODES.usage,
    hint: `There are: ${known.join(', ') || 'none'}. \`assay login\` and \`assay profile set\` make one.`,
  });
}
