import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the command line takes from its environment. Nothing else in this package reads it. */
export type Environment = {
  url: string | null;
  apiKey: string | null;
  profile: string | null;
  organization: string | null;
  /** Where `config.toml` and `credentials.json` are. */
  configDir: string;
  /** What the user wants of colours; null when nothing is said. */
  colour: boolean | null;
  /** Handed on to programs that this one starts. */
  all: Readonly<Record<string, string | undefined>>;
};

/** The variables, for `assay help environment`. */
export const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  [
    'ASSAY_API_KEY',
    'API key (sk_…) or access token, before any login. Keys are not taken as arguments: those are public on a machine.',
  ],
  ['ASSAY_URL', 'Where the server is. Default: http://127.0.0.1:3001'],
  ['ASSAY_PROFILE', 'Which profile to use. Default: the one of `assay profile use`, else "default".'],
  [
    'ASSAY_ORGANIZATION',
    'Id of the organization to work in. Default: that of the profile, else that of the credential.',
  ],
  ['XDG_CONFIG_HOME', 'Folder of assay/config.toml and assay/credentials.json. Default: ~/.config'],
  ['BROWSER', 'Program that `assay login` opens its page with. Default: the one of the desktop, if there is one.'],
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
    organization: get('ASSAY_ORGANIZATION'),
    configDir: join(get('XDG_CONFIG_HOME') ?? join(get('HOME') ?? homedir(), '.config'), 'assay'),
    colour: colourWish(get('NO_COLOR'), get('FORCE_COLOR'), get('TERM')),
    all: from,
  };
}

/** What options on the command line change about it. A profile that is named there comes whole. */
export function withOptions(environment: Environment, options: Readonly<Record<string, unknown>>): Environment {
  const { server, profile } = options;
  const chosen = typeof profile === 'string' ? { profile, url: null, apiKey: null, organization: null } : {};
  return { ...environment, ...chosen, ...(typeof server === 'string' && { url: server }) };
}

function colourWish(no: string | null, force: string | null, term: string | null): boolean | null {
  if (no !== null) return false;
  if (force !== null) return force !== '0' && force !== 'false';
  return term === 'dumb' ? false : null;
}
