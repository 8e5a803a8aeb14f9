import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { isAbsent, writePrivately } from './atomic-file.ts';
import { CliError } from './cli-error.ts';
import { withLock } from './file-lock.ts';

/** What a profile signs in with: a key, or the tokens of `assay login`. It is for the server at `url` and no other. */
export type Secret = {
  url?: string;
  api_key?: string;
  access_token?: string;
  refresh_token?: string;
  /** When the access token ends, RFC 3339. */
  expires_at?: string;
};

type Secrets = { profiles: Record<string, Secret> };

/** `credentials.json`: the secrets of profiles, readable by their owner alone. */
export class SecretsFile {
  readonly #file: string;

  constructor(configDir: string) {
    this.#file = join(configDir, 'credentials.json');
  }

  /** @throws CliError for a file that others can read, or that is no such file */
  async read(): Promise<Record<string, Secret>> {
    const content = await this.#content();
    return content === null ? {} : parse(this.#file, content).profiles;
  }

  /**
   * Changes the secret of a profile; null removes it. No two processes do so at once, and `change` is given what is
   * there by then.
   */
  async update(
    profile: string,
    signal: AbortSignal,
    change: (before: Secret | undefined) => Promise<Secret | null>,
  ): Promise<Secret | null> {
    return withLock(`${this.#file}.lock`, signal, async () => {
      const profiles = await this.read();
      const before = profiles[profile];
      const after = await change(before);
      if (after === before) return after;
      const { [profile]: _, ...others } = profiles;
      const written: Secrets = { profiles: after === null ? others : { ...others, [profile]: after } };
      await writePrivately(this.#file, `${JSON.stringify(written, null, 2)}\n`);
      return after;
    });
  }

  async #content(): Promise<string | null> {
    try {
      const { mode } = await stat(this.#file);
      if (mode & 0o077)
        throw refuse(`${this.#file} holds secrets, and others can read it.`, `Close it: chmod 600 '${this.#file}'`);
      return await readFile(this.#file, 'utf8');
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }
}

function parse(file: string, content: string): Secrets {
  try {
    const parsed: unknown = JSON.parse(content);
    if (isTable(parsed)) {
      const { profiles = {} } = parsed as Partial<Secrets>;
      if (isTable(profiles)) return { profiles };
    }
  } catch {
    // Its message would quote the file, secrets and all.
  }
  throw refuse(
    `${file} is not a JSON object with profiles.`,
    'Remove it and sign in again with `assay login`, or write it as {"profiles": {"default": {"url": "…", "api_key": "…"}}}.',
  );
}

const isTable = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const refuse = (message: string, hint: string): CliError =>
  new CliError(message, { code: 'credentials', exit: EXIT_CODES.unauthenticated, hint });
