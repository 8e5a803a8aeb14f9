import { Agent, get } from 'node:http';

export type Seen = { statuses: Record<string, number>; withoutRetryAfter: number; slowestMs: number };

/** Clients who each open a connection of their own and ask the same thing, all at once. */
export async function crowd({ url, apiKey, clients }: { url: string; apiKey: string; clients: number }): Promise<Seen> {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const seen: Seen = { statuses: {}, withoutRetryAfter: 0, slowestMs: 0 };
  const count = (what: string): void => {
    seen.statuses[what] = (seen.statuses[what] ?? 0) + 1;
  };
  const ask = (): Promise<void> =>
    new Promise((resolve) => {
      const startedAt = performance.now();
      const over = (what: string): void => {
        count(what);
        seen.slowestMs = Math.max(seen.slowestMs, Math.round(performance.now() - startedAt));
        resolve();
      };
      get(url, { agent, headers: { 'x-api-key': apiKey } }, (response) => {
        if (response.statusCode === 503 && response.headers['retry-after'] === undefined) seen.withoutRetryAfter += 1;
        response.resume().on('end', () => over(String(response.statusCode)));
      }).on('error', ({ message }) => over(message));
    });
  await Promise.all(Array.from({ length: clients }, ask));
  agent.destroy();
  return seen;
}
