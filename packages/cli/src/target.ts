import { DEFAULT_URL, isSameServer } from './credentials.ts';
import type { Environment } from './env.ts';
import { DEFAULT_PROFILE, readConfig, writeConfig } from './profiles.ts';
import { SecretsFile } from './secrets.ts';

/** What to sign in to, and under which name to keep it. */
export type Target = { url: string; profile: string };

/**
 * Chooses where to sign in. Another server than that of the profile gets a profile of its own, named for its host:
 * signing in to one must not sign out of the other.
 */
export async function chooseTarget(environment: Environment): Promise<Target> {
  const [config, secrets] = await Promise.all([
    readConfig(environment.configDir),
    new SecretsFile(environment.configDir).read(),
  ]);
  const profile = environment.profile ?? config.current ?? DEFAULT_PROFILE;
  const known = config.profiles[profile]?.url ?? secrets[profile]?.url;
  const url = environment.url ?? known ?? DEFAULT_URL;
  const isTaken = environment.profile === null && known !== undefined && !isSameServer(known, url);
  return { url, profile: isTaken ? hostOf(url) : profile };
}

/** Keeps where the server of a profile is, and makes it the one that commands use. */
export async function rememberTarget({ configDir }: Environment, { url, profile }: Target): Promise<void> {
  const config = await readConfig(configDir);
  const before = config.profiles[profile];
  const isMoved = before?.url !== undefined && !isSameServer(before.url, url);
  // The organization was one of the other server.
  const after = isMoved ? { url } : { ...before, url };
  await writeConfig(configDir, { current: profile, profiles: { ...config.profiles, [profile]: after } });
}

const hostOf = (url: string): string => URL.parse(url)?.host ?? url;
