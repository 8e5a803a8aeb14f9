import type { IncomingHttpHeaders } from 'node:http';
import { type Credential, credentialErrors } from '../../modules/identity/index.ts';
import { readSessionCookie } from './session-cookie.ts';

/** Where in a request credentials may be; `queryKey` only where the route streams. */
export type CredentialSource = { headers: IncomingHttpHeaders; queryKey: string | readonly string[] | null };

const MISPLACED =
  'An access token in a query string ends up in logs and histories. Send it as `Authorization: Bearer`.';

/**
 * Finds the one credential of a request; null when there is none.
 * @throws AppError for two different credentials, for a token in a query string, and for schemes that we do not know
 */
export function findCredential({ headers, queryKey }: CredentialSource): Credential | null {
  const found = [
    fromAuthorization(headers.authorization),
    fromKeyHeader(headers['x-api-key']),
    fromQuery(queryKey),
    fromCookie(headers.cookie),
  ];
  const present = found.filter((credential) => credential !== null);
  const [first] = present;
  if (present.some(({ value }) => value !== first?.value)) {
    throw credentialErrors.ambiguous(
      'The request carries two different credentials. Send one; a browser that has signed in sends its cookie by itself.',
    );
  }
  return first ?? null;
}

function fromAuthorization(header: string | undefined): Credential | null {
  if (header === undefined) return null;
  const [scheme, value, ...rest] = header.trim().split(/\s+/);
  if (scheme?.toLowerCase() !== 'bearer' || value === undefined || rest.length > 0) {
    throw credentialErrors.invalid('The Authorization header must be `Bearer <access token or API key>`.');
  }
  return byPrefix(value);
}

function fromKeyHeader(header: string | string[] | undefined): Credential | null {
  if (header === undefined) return null;
  if (Array.isArray(header)) throw credentialErrors.ambiguous('The request carries two X-API-Key headers. Send one.');
  if (!header.startsWith('sk_')) throw credentialErrors.invalid('X-API-Key must hold an API key (`sk_…`).');
  return { kind: 'api_key', value: header };
}

function fromQuery(key: CredentialSource['queryKey']): Credential | null {
  if (key === null) return null;
  if (typeof key !== 'string') throw credentialErrors.ambiguous('The request carries `?api_key=` twice. Send it once.');
  if (!key.startsWith('sk_')) throw credentialErrors.misplaced(MISPLACED);
  return { kind: 'api_key', value: key };
}

function fromCookie(header: string | undefined): Credential | null {
  const value = header === undefined ? null : readSessionCookie(header);
  return value === null ? null : { kind: 'session', value };
}

const byPrefix = (value: string): Credential =>
  value.startsWith('sk_') ? { kind: 'api_key', value } : { kind: 'access_token', value };
