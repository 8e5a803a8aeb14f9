import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressRules, Verdict } from './address-rules.ts';
import { bareHost, closedDestination } from './destination.ts';

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

/** As the system resolves names: hosts file, search domains and all. */
const systemResolve: Resolve = (hostname) => dns.lookup(hostname, { all: true });

export type ConnectorOptions = { rules: AddressRules; resolve?: Resolve; timeoutMs: number };

/**
 * Opens connections to addresses that may be called, and to no other. The name is resolved once, every address that it
 * has is judged, and the socket goes to one of exactly those: there is no second look-up that could answer otherwise
 * (DNS rebinding). Without TLS only networks are called that the operator opened.
 */
export function guardedConnector({ rules, resolve = systemResolve, timeoutMs }: ConnectorOptions) {
  const open = (accepts: (verdict: Verdict) => boolean): buildConnector.connector => {
    const isAccepted = (address: string): boolean => accepts(rules.judge(address));
    const connect = buildConnector({ timeout: timeoutMs, lookup: lookupOf(resolve, isAccepted) });
    return (options, callback) => {
      const host = bareHost(options.hostname);
      // A literal address is connected to without a look-up.
      if (isIP(host) !== 0 && !isAccepted(host)) callback(closedDestination(host), null);
      else connect(options, callback);
    };
  };
  const overTls = open((verdict) => verdict !== 'refused');
  const inTheClear = open((verdict) => verdict === 'allowed');
  const connector: buildConnector.connector = (options, callback) =>
    (options.protocol === 'https:' ? overTls : inTheClear)(options, callback);
  return connector;
}

/** A name with one address that is closed is refused whole: no honest name mixes them. */
function lookupOf(resolve: Resolve, isAccepted: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (found) => {
        const [first] = found;
        if (first === undefined || !found.every(({ address }) => isAccepted(address)))
          callback(closedDestination(hostname), '', 0);
        else if (options.all) callback(null, [...found]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}
