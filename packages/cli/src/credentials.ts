import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { CliError } from './cli-error.ts';
import type { Environment } from './env.ts';

/** Which server to talk to, and as whom. */
export type Credentials = { url: string; apiKey: string | null };

type Profile = { url?: string; api_key?: string };
type CredentialsFile = { current?: string; profiles?: Record<string, Profile> };

/** Where a server of this machine is. */
export const DEFAULT_URL = 'http://127.0.0.1:3001';

/**
 * Finds server and key: the environment, then the profile in `credentials.json`, then this machine without a key. A
 * profile's key goes to the profile's own server only, whatever ASSAY_URL says.
 * @throws CliError for a file that others can read, that is no such file, or that lacks the profile asked for
 */
export async function findCredentials({ url, apiKey, profile, configDir }: Environment): Promise<Credentials> {
  const found = await readProfile(join(configDir, 'credentials.json'), profile);
  const isSameServer = url === null || url.replace(/\/+$/, '') === found.url?.replace(/\/+$/, '');
  return {
    url: url ?? found.url ?? DEFAULT_URL,
    apiKey: apiKey ?? (isSameServer ? (found.api_key ?? null) : null),
  };
}

async function readProfile(file: string, name: string | null): Promise<Profile> {
  const content = await readPrivate(file);
  if (content === null) {
    if (name === null) return {};
    throw refuse(
      `There is no profile "${name}": ${file} does not exist.`,
      'Leave ASSAY_PROFILE out, or make the file.',
    );
  }
  const { current = 'default', profiles = {} } = parse(file, content);
  const chosen = profiles[name ?? current];
  if (chosen) return chosen;
  if (name === null) return {};
  throw refuse(`${file} has no profile "${name}".`, `It has: ${Object.keys(profiles).join(', ') || 'none'}.`);
}

async function readPrivate(file: string): Promise<string | null> {
  try {
    const { mode } = await stat(file);
    if (mode & 0o077) throw refuse(`${file} holds keys, and others can read it.`, `Close it: chmod 600 '${file}'`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw error;
  }
}

function parse(file: string, content: string): CredentialsFile {
  try {
    const parsed: unknown = JSON.parse(content);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Its message would quote the file, keys and all.
  }
  throw refuse(
    `${file} is not a JSON object.`,
    'Write it as {"current": "default", "profiles": {"default": {"url": "…", "api_key": "…"}}}.',
  );
}

const refuse = (message: string, hint: string): CliError =>
  new CliError(message, { code: 'credentials', exit: EXIT_CODES.unauthenticated, hint });
