import type { UpstreamRequest } from './provider-client.ts';

/** Headers that let nobody in. */
const OPEN_HEADERS = /^(content-type|accept|anthropic-.*|openai-.*)$/;
const OPEN_PARAMETERS: ReadonlySet<string> = new Set(['api-version', 'alt']);
/** Shorter ones are in any text. */
const LEAST_CHARACTERS = 8;

/** What of a request lets it in. Some providers repeat it in what they refuse. */
export function secretsOf({ url, headers }: Pick<UpstreamRequest, 'url' | 'headers'>): string[] {
  const named = Object.entries(headers).flatMap(([name, value]) => (OPEN_HEADERS.test(name) ? [] : [value]));
  const asked = [...url.searchParams].flatMap(([name, value]) => (OPEN_PARAMETERS.has(name) ? [] : [value]));
  return [...named, ...asked]
    .map((value) => value.replace(/^(Bearer|Basic) /i, ''))
    .filter(({ length }) => length >= LEAST_CHARACTERS);
}

/** A text without what lets requests in. */
export const concealed = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((rest, secret) => rest.replaceAll(secret, '[key]'), text);
