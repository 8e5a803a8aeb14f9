import { isIP } from 'node:net';
import { AppError } from '../../kernel/errors.ts';
import { type AddressRules, bareHost } from '../../platform/http-client/index.ts';
import { isObject, listOf } from './dialects/json-reader.ts';

/*
 * Pictures and documents by address are fetched by the provider, never by us. A provider may stand on the inside of a
 * network, as Ollama and its like do: whoever may ask it must not have it fetch what only the inside can reach.
 */

const MEDIA: ReadonlySet<unknown> = new Set(['image', 'image_url', 'input_image', 'document', 'file', 'input_file']);
/** Names that lead nowhere but to the inside (RFC 6761, 6762, 8375 and the names of clouds). */
const INSIDE = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa)$/;
/** What providers take besides: their own stores, and what is in the address itself. */
const HARMLESS = new Set(['data:', 'gs:']);

/**
 * Refuses a request with a picture or document at an address that is not public, unless the operator opened it.
 * @param asked a request in any dialect, or in our own words
 * @throws AppError `invalid` naming the address
 */
export function refuseInnerMedia(asked: { [field: string]: unknown }, rules: AddressRules): void {
  for (const address of addressesIn(asked['messages'] ?? asked['input'])) {
    if (leadsInside(address, rules)) throw refusal(address);
  }
}

/** Addresses of media in messages, and in what tools answered. */
function* addressesIn(turns: unknown): Generator<string> {
  for (const turn of listOf(turns)) {
    if (!isObject(turn)) continue;
    if (MEDIA.has(turn['type'])) yield* addressesOf(turn);
    yield* addressesIn(turn['content']);
    yield* addressesIn(turn['output']);
  }
}

function* addressesOf(part: { [field: string]: unknown }): Generator<string> {
  for (const value of [part, part['image_url'], part['file_url'], part['source'], part['file']]) {
    if (typeof value === 'string') yield value;
    else if (isObject(value) && typeof value['url'] === 'string') yield value['url'];
  }
}

function leadsInside(address: string, rules: AddressRules): boolean {
  const url = URL.parse(address);
  // What is no address is for the provider to refuse.
  if (url === null || HARMLESS.has(url.protocol)) return false;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return true;
  const host = bareHost(url.hostname).replace(/\.$/, '');
  if (isIP(host) !== 0) return rules.judge(host) === 'refused';
  return !host.includes('.') || INSIDE.test(host);
}

const refusal = (address: string): AppError => {
  const message = `${address.slice(0, 200)} is not a public address, and nobody fetches it. Send the content itself instead.`;
  return new AppError('invalid', 'chat.media_address', message, {
    faults: [{ field: 'url', constraint: 'public', message }],
  });
};
