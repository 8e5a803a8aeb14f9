import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the command line takes from its environment. Nothing else in this package reads it. */
export type Environment = {
  url: string | null;
  apiKey: string | null;
  profile: string | null;
  /** Where `credentials.json` is looked for. */
  configDir: string;
  /** What the user wants of colours; null when nothing is said. */
  colour: boolean | null;
  /** Handed on to programs that this one starts. */
  all: Readonly<Record<string, string | undefined>>;
};

/** The variables, for `assay help environment`. */
export const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ['ASSAY_API_KEY', 'API key (sk_…) or access token. Keys are not taken as arguments: those are public on a machine.'],
  ['ASSAY_URL', 'Where the server is. Default: http://127.0.0.1:3001'],
  ['ASSAY_PROFILE', 'Which profile of credentials.json to use. Default: its "current", else "default".'],
  ['XDG_CONFIG_HOME', 'Folder of assay/credentials.json. Default: ~/.config'],
  ['NO_COLOR, FORCE_COLOR', 'Never or always colour what is printed. TERM=dumb means never, too.'],
  ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'Proxy for requests to the server.'],
  ['NODE_EXTRA_CA_CERTS', 'File of certificates to trust besides the usual ones.'],
];

/** Reads the environment. An empty variable counts as absent. */
export function readEnvironment(from: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const get = (name: string): string | null => from[name] || null;
  return {
    url: get('ASSAY_URL'),
    apiKey: get('ASSAY_API_KEY'),
    profile: get('ASSAY_PROFILE'),
    configDir: join(get('XDG_CONFIG_HOME') ?? join(get('HOME') ?? homedir(), '.config'), 'assay'),
    colour: colourWish(get('NO_COLOR'), get('FORCE_COLOR'), get('TERM')),
    all: from,
  };
}

function colourWish(no: string | null, force: string | null, term: string | null): boolean | null {
  if (no !== null) return false;
  if (force !== null) return force !== '0' && force !== 'false';
  return term === 'dumb' ? false : null;
}
