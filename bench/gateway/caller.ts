import { Agent, request } from 'node:http';
import type { Gateway } from './gateways.ts';
import type { Asked } from './wire-format.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });

/** How a chat is asked for. */
export type Asking = {
  requestId?: string;
  /** Called with each piece of the answer; what it waits for holds back the next one. */
  onPiece?(piece: Buffer): void | Promise<void>;
};

/** Asks for a chat and reads it to its end; gives when its first byte came and when it ended, in ms from the request. */
export async function chat(
  { origin, path, headers }: Gateway,
  asked: Asked,
  { requestId, onPiece = () => {} }: Asking = {},
): Promise<{ firstMs: number; allMs: number }> {
  const began = performance.now();
  const named = requestId === undefined ? {} : { 'x-request-id': requestId };
  const body = JSON.stringify(asked);
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    request(`${origin}${path}`, { method: 'POST', agent, headers: { ...headers, ...named } }, resolve)
      .on('error', reject)
      .end(body);
  });
  if (response.statusCode !== 200) throw new Error(`A chat was answered with ${response.statusCode}.`);
  let firstMs: number | null = null;
  for await (const piece of response as AsyncIterable<Buffer>) {
    firstMs ??= performance.now() - began;
    await onPiece(piece);
  }
  return { firstMs: firstMs ?? Number.NaN, allMs: performance.now() - began };
}
