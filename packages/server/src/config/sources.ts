import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse, TomlError } from 'smol-toml';
import { SETTINGS, type SettingName } from './settings.ts';

/** Where a value came from. */
export type Origin = 'flag' | 'environment' | 'file' | 'default';
export type Said = { text: string; origin: Origin };

const NAMES = Object.keys(SETTINGS) as SettingName[];

/**
 * Collects what was said about each setting: flags, then environment, then `assay.toml`, then defaults.
 * @throws Error for an unknown flag, a file that is not TOML, and a key in it that is no setting
 */
export function collect(from: {
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  file: string | null;
}): Map<SettingName, Said> {
  const flags = readFlags(from.args);
  const toml = from.file === null ? new Map<string, string>() : readToml(from.file);
  return new Map(
    NAMES.map((name): [SettingName, Said] => {
      const { flag, env, toml: key, fallback } = SETTINGS[name];
      const flagText = flags[flag];
      if (typeof flagText === 'string') return [name, { text: flagText, origin: 'flag' }];
      const envText = from.env[env];
      if (envText !== undefined && envText !== '') return [name, { text: envText, origin: 'environment' }];
      const fileText = toml.get(key);
      return [
        name,
        fileText === undefined ? { text: fallback, origin: 'default' } : { text: fileText, origin: 'file' },
      ];
    }),
  );
}

function readFlags(args: readonly string[]): Record<string, unknown> {
  const options = Object.fromEntries(NAMES.map((name) => [SETTINGS[name].flag, { type: 'string' as const }]));
  return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
}

function readToml(file: string): Map<string, string> {
  if (!existsSync(file)) return new Map();
  const flat = new Map<string, string>();
  flatten(parseToml(file), '', flat);
  const known = new Set<string>(NAMES.map((name) => SETTINGS[name].toml));
  const unknown = [...flat.keys()].find((key) => !known.has(key));
  if (unknown !== undefined) throw new Error(`${file}: there is no setting "${unknown}". \`assay config\` lists all.`);
  return flat;
}

/** The parser's own message quotes the lines around the fault, and one of them may be a secret. */
function parseToml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n', 1)[0] ?? '';
    throw new Error(`${file} is not TOML: line ${error.line}, column ${error.column}: ${reason}`, { cause: error });
  }
}

function flatten(value: unknown, path: string, into: Map<string, string>): void {
  if (Array.isArray(value)) into.set(path, value.map(textOf).join(','));
  else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    for (const [key, item] of Object.entries(value)) flatten(item, path === '' ? key : `${path}.${key}`, into);
  } else into.set(path, textOf(value));
}

/** A table in a list is no value of any setting; as JSON it is refused by whichever it was meant for. */
const textOf = (value: unknown): string =>
  typeof value === 'object' && !(value instanceof Date) ? JSON.stringify(value) : String(value);
