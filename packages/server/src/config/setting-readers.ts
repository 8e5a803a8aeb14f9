import { isIP } from 'node:net';
import { Sensitive } from '../kernel/sensitive.ts';

/*
 * How settings are read from text. Each throws an error with the rest of a sentence that begins with the setting's name.
 */

export const matching =
  (form: RegExp, sentence: string) =>
  (value: string): string => {
    if (!form.test(value)) throw new Error(sentence);
    return value;
  };

export const text = matching(/^\S(.*\S)?$/, 'must not be blank, nor begin or end with a space');
export const optional =
  (read: (value: string) => string) =>
  (value: string): string | null =>
    value === '' ? null : read(value);
export const secret =
  (read: (value: string) => string) =>
  (value: string): Sensitive<string> | null =>
    value === '' ? null : new Sensitive(read(value));

export const postgresUrl = matching(
  /^(postgres(ql)?|socket):\S+$/,
  'must be an address of the form postgres://user:password@host/database',
);

export const httpUrl = (value: string): string => {
  if (!/^https?:$/.test(URL.parse(value)?.protocol ?? '')) throw new Error('must be an http or https address');
  return value;
};

/** Where callers find us, without a slash at the end: an address that links begin with and tokens are issued by. */
export const origin = (value: string): string => {
  const url = URL.parse(value);
  if (url === null || url.origin !== value.replace(/\/$/, '') || !/^https?:$/.test(url.protocol))
    throw new Error('must be an http or https address with nothing behind host and port');
  return url.origin;
};

export const integer =
  (min: number, max: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return number;
  };

export const oneOf =
  <const Choice extends string>(...choices: Choice[]) =>
  (value: string): Choice => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Error(`must be one of: ${choices.join(', ')}`);
    return found;
  };

/** A port; `auto`: the usual one, or a free one where that is taken; `off`: none. */
export const listener = (value: string): number | 'auto' | 'off' => {
  if (value === 'auto' || value === 'off') return value;
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw new Error('must be auto, off or a whole number from 0 to 65535');
};

export const flagValue = (value: string): boolean => {
  if (['on', 'true', '1', 'yes'].includes(value)) return true;
  if (['off', 'false', '0', 'no'].includes(value)) return false;
  throw new Error('must be on or off');
};

export const ROLES = ['api', 'worker', 'runner'] as const;
export type Role = (typeof ROLES)[number];

export const roles = (value: string): ReadonlySet<Role> => {
  const named = value.split(',').map((name) => name.trim());
  if (named.includes('all')) return new Set(ROLES);
  return new Set(named.map((name) => oneOf(...ROLES)(name)));
};

export const list = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Names of networks that Fastify knows. */
const NAMED_NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

export const bucket = matching(
  /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w!.*'()/-]*)?$/,
  'must be of the form s3://bucket/prefix',
);

export const mediaTypes = (value: string): string[] => {
  const items = list(value.toLowerCase());
  const wrong = items.find((item) => !/^[\w.+-]+\/(?:\*|[\w.+-]+)$/.test(item));
  if (wrong !== undefined) throw new Error(`must be media types (text/plain, image/*), and "${wrong}" is none`);
  return items;
};

function isNetwork(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return NAMED_NETWORKS.includes(item);
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

export const networks = (value: string): string[] => {
  const items = list(value);
  const wrong = items.find((item) => !isNetwork(item));
  if (wrong !== undefined) throw new Error(`must be addresses or networks (10.0.0.0/8), and "${wrong}" is neither`);
  return items;
};
