import type { ImageSource } from '../model.ts';

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,/;

/** Where a picture or document is: in the URL itself, or where it leads. */
export function sourceOfUrl(url: string): ImageSource {
  const found = DATA_URL.exec(url);
  if (!found) return { kind: 'url', url };
  return { kind: 'base64', mediaType: found[1] ?? '', data: url.slice(found[0].length) };
}

/** The other way round. */
export const urlOfSource = (source: ImageSource): string =>
  source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
