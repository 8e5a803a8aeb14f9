import type { IncomingMessage } from 'node:http';

/** Where a request goes, by path and query; null for a target that is no URL, `//` for example. */
export const targetOf = (request: Pick<IncomingMessage, 'url'>): URL | null =>
  URL.parse(request.url ?? '/', 'http://localhost');
