import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { FieldFault } from '../../../kernel/errors.ts';
import type { ConfigField, CredentialConfig, CredentialKind, CredentialSecret, SecretField } from './model.ts';

/** What each kind needs and takes. */
type Needs = {
  config: readonly ConfigField[];
  mayConfig: readonly ConfigField[];
  secret: readonly SecretField[];
  maySecret: readonly SecretField[];
};

const ENDPOINTS: readonly ConfigField[] = ['issuer', 'token_endpoint'];
const AIMED: readonly ConfigField[] = ['audience', 'resource'];
const SIGNED: readonly ConfigField[] = ['key_id', 'algorithm', 'audience'];

const NEEDS: Readonly<Record<CredentialKind, Needs>> = {
  api_key: { config: [], mayConfig: ['header', 'prefix'], secret: ['api_key'], maySecret: [] },
  query_api_key: { config: ['parameter'], mayConfig: [], secret: ['api_key'], maySecret: [] },
  basic_auth: { config: [], mayConfig: [], secret: ['username', 'password'], maySecret: [] },
  oauth2_client_credentials: {
    config: ['client_id'],
    mayConfig: [...ENDPOINTS, ...AIMED, 'client_auth'],
    secret: ['client_secret'],
    maySecret: [],
  },
  oauth2_client_assertion: {
    config: ['client_id'],
    mayConfig: [...ENDPOINTS, ...SIGNED, 'resource'],
    secret: ['private_key'],
    maySecret: [],
  },
  oauth2_jwt_bearer: {
    config: ['assertion_issuer'],
    mayConfig: [...ENDPOINTS, ...SIGNED, 'client_id'],
    secret: ['private_key'],
    maySecret: ['client_secret'],
  },
  oauth2_jwt_bearer_with_subject: {
    config: ['assertion_issuer'],
    mayConfig: [...ENDPOINTS, ...SIGNED, 'client_id', 'subject'],
    secret: ['private_key'],
    maySecret: ['client_secret'],
  },
  oauth2_authorization_code: {
    config: ['client_id'],
    mayConfig: [...ENDPOINTS, 'authorization_endpoint', ...AIMED, 'client_auth'],
    secret: [],
    maySecret: ['client_secret'],
  },
};

/** Names of header fields and methods of HTTP: a token (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
/** Headers that say where a message begins, ends or goes. */
const FRAMING = /^(?:host|content-length|transfer-encoding|connection|upgrade|te|trailer|expect|cookie|proxy-.*)$/i;
const VISIBLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const PRINTABLE = /^[\x20-\x7e]{0,50}$/;

/** Finds what is wrong with a new credential; nothing is said of the values of secrets. */
export function faultsOf(kind: CredentialKind, config: CredentialConfig, secret: CredentialSecret): FieldFault[] {
  const needs = NEEDS[kind];
  return [
    ...presence('provider_config', Object.keys(config), { needed: needs.config, taken: needs.mayConfig }),
    ...presence('secret', Object.keys(secret), { needed: needs.secret, taken: needs.maySecret }),
    ...endpointFaults(kind, config),
    ...formFaults(config, secret),
  ];
}

type Expectation = { needed: readonly string[]; taken: readonly string[] };

function presence(of: string, given: readonly string[], { needed, taken }: Expectation): FieldFault[] {
  const missing = needed.filter((field) => !given.includes(field));
  const strange = given.filter((field) => !needed.includes(field) && !taken.includes(field));
  return [
    ...missing.map((field) => fault(`${of}.${field}`, 'required', 'This kind needs it.')),
    ...strange.map((field) => fault(`${of}.${field}`, 'unknown', 'This kind does not take it.')),
  ];
}

function endpointFaults(kind: CredentialKind, config: CredentialConfig): FieldFault[] {
  if (!kind.startsWith('oauth2_')) return [];
  const { issuer, token_endpoint: token, authorization_endpoint: authorization } = config;
  const isByCode = kind === 'oauth2_authorization_code';
  if (issuer !== undefined && token === undefined && authorization === undefined) return [];
  if (issuer === undefined && token !== undefined && (!isByCode || authorization !== undefined)) return [];
  const ends = isByCode ? '`authorization_endpoint` and `token_endpoint`' : '`token_endpoint`';
  return [fault('provider_config.token_endpoint', 'either', `Give ${ends}, or an \`issuer\` that publishes them.`)];
}

function formFaults(config: CredentialConfig, secret: CredentialSecret): FieldFault[] {
  const { header, prefix, client_auth: clientAuth } = config;
  const faults: FieldFault[] = [];
  if (header !== undefined && (!TOKEN.test(header) || FRAMING.test(header)))
    faults.push(fault('provider_config.header', 'header', 'It must be the name of a header that a request may carry.'));
  if (prefix !== undefined && !PRINTABLE.test(prefix))
    faults.push(fault('provider_config.prefix', 'printable', 'It must be at most 50 printable characters.'));
  if (clientAuth !== undefined && !['basic', 'post', 'none'].includes(clientAuth))
    faults.push(fault('provider_config.client_auth', 'one_of', 'It must be basic, post or none.'));
  if (secret.api_key !== undefined && !VISIBLE.test(secret.api_key))
    faults.push(fault('secret.api_key', 'visible', 'It must be of visible ASCII characters, in one line.'));
  if (secret.username?.includes(':'))
    faults.push(fault('secret.username', 'no_colon', 'It must not hold a colon: basic authentication cannot say one.'));
  if (secret.private_key !== undefined && algorithmOf(config, secret) === null)
    faults.push(
      fault(
        'secret.private_key',
        'private_key',
        'It must be a private key in PEM, of RSA, EC or Ed25519, that fits the algorithm.',
      ),
    );
  return faults;
}

const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
  ed25519: ['EdDSA'],
};

/** The key that assertions are signed with. */
export const privateKeyOf = (secret: CredentialSecret): KeyObject => createPrivateKey(secret.private_key ?? '');

/** The algorithm that a private key signs with; null when it is no key, or does not fit what was said. */
export function algorithmOf({ algorithm }: CredentialConfig, secret: CredentialSecret): string | null {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKeyOf(secret);
    const fitting = ALGORITHMS[details?.namedCurve ?? type ?? ''] ?? [];
    return fitting.find((name) => algorithm === undefined || name === algorithm) ?? null;
  } catch {
    return null;
  }
}

const fault = (field: string, constraint: string, message: string): FieldFault => ({ field, constraint, message });
