import { join, resolve } from 'node:path';
import { SETTINGS, type SettingName, type Values } from './settings.ts';
import { collect, type Origin, type Said } from './sources.ts';

/** The configuration of one process: every value, checked, with paths absolute. */
export type Config = Omit<Values, 'masterKeyFile'> & { readonly masterKeyFile: string };

/** One line of `assay config`. */
export type ConfigLine = { name: string; value: string; origin: Origin; env: string; flag: string; help: string };

export type ConfigInput = { args: readonly string[]; env: NodeJS.ProcessEnv; cwd: string };

/**
 * Reads the configuration: flags over environment over `assay.toml` in the working directory over defaults.
 * @throws Error that names the setting, where it was said, and what it must be
 */
export function loadConfig(input: ConfigInput): Config {
  const said = collectFrom(input);
  const values = Object.fromEntries(
    [...said].map(([name, { text, origin }]) => [name, readOne(name, text, origin)]),
  ) as Values;
  const dataDir = resolve(input.cwd, values.dataDir);
  if (values.databaseUrl === null && !values.role.has('api') && !values.role.has('worker')) {
    throw new Error(
      '--role runner alone is the runner program: start it with `node packages/runner/src/main.ts --help`.',
    );
  }
  return {
    ...values,
    dataDir,
    replayDir: values.replayDir === null ? null : resolve(input.cwd, values.replayDir),
    masterKeyFile:
      values.masterKeyFile === null ? join(dataDir, 'master.key') : resolve(input.cwd, values.masterKeyFile),
  };
}

/** Every setting with its value and where it came from; secrets are not shown. */
export function listConfig(input: ConfigInput): ConfigLine[] {
  return [...collectFrom(input)].map(([name, { text, origin }]) => {
    const { flag, env, help } = SETTINGS[name];
    const isHidden = isSecret(name) && text !== '';
    return { name: SETTINGS[name].toml, value: isHidden ? '[secret]' : text, origin, env, flag: `--${flag}`, help };
  });
}

const collectFrom = ({ args, env, cwd }: ConfigInput): Map<SettingName, Said> =>
  collect({ args, env, file: join(cwd, 'assay.toml') });

const isSecret = (name: SettingName): boolean => 'isSecret' in SETTINGS[name];

function readOne(name: SettingName, text: string, origin: Origin): unknown {
  try {
    return SETTINGS[name].read(text);
  } catch (error) {
    const { toml, env, flag } = SETTINGS[name];
    const place = { flag: `--${flag}`, environment: env, file: `${toml} in assay.toml`, default: toml }[origin];
    const shown = isSecret(name) ? '' : `; it is "${text}"`;
    throw new Error(`${place} ${error instanceof Error ? error.message : String(error)}${shown}.`, { cause: error });
  }
}
