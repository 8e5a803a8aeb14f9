import { isIP } from 'node:net';
import type { AddressRules } from './address-rules.ts';
import { destinationErrors } from './errors.ts';

const HINT =
  'Calls go to public addresses over https. An operator can open other networks with the setting ASSAY_OUTBOUND_NETWORKS.';

/** The refusal of an address; it does not say what a name resolved to. */
export const closedDestination = (host: string): Error =>
  destinationErrors.refused(`${host} is not an address that may be called. ${HINT}`);

/** The host of a URL or connection as an address is written: without the brackets of version 6. */
export const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * Reads an address that an administrator gave, and refuses what can never be called. What a name resolves to is judged
 * when it is called, each time. The URL parser has turned decimal, octal and hexadecimal forms into plain addresses.
 * @throws AppError `invalid`, naming the field
 */
export function readDestination(text: string, { rules, field }: { rules: AddressRules; field: string }): URL {
  const url = URL.parse(text);
  const fault = url === null ? 'must be an address, https://host/path' : faultOf(url);
  if (url === null || fault !== null) {
    throw destinationErrors.invalid(`${field} ${fault}.`, {
      faults: [{ field, constraint: 'url', message: `It ${fault}.` }],
    });
  }
  const host = bareHost(url.hostname);
  const verdict = isIP(host) === 0 ? 'unknown' : rules.judge(host);
  if (verdict === 'refused' || (verdict === 'public' && url.protocol === 'http:')) throw closedDestination(host);
  return url;
}

function faultOf(url: URL): string | null {
  if (!['https:', 'http:'].includes(url.protocol)) return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (url.hash !== '') return 'must not hold a fragment (#…)';
  return null;
}
