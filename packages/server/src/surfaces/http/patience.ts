import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long the body of a request may take that nobody was told to be patient with: above the 60 s that an answer may wait. */
const BODY_MS = 90_000;

/** How long nothing at all may come of a body that may take its time, by the request. */
const silences = new WeakMap<IncomingMessage, number>();
const unhurried = new WeakSet<IncomingMessage>();

/** Says how long a request may be silent once somebody is patient with it, and what is done with one that is. */
export function limitSilence(request: IncomingMessage, ms: number, end: () => void): void {
  silences.set(request, ms);
  request.once('timeout', end);
}

/** Lets the body of a request come for as long as some of it comes: a file takes what the line takes. */
export function patient(request: IncomingMessage): void {
  unhurried.add(request);
  request.setTimeout(silences.get(request) ?? 0);
  request.once('end', () => request.setTimeout(0));
}

/** Whether the body of a request should have been here by now. What is still sent after the answer concerns nobody. */
export function isOverdue({ req, headersSent }: Pick<ServerResponse, 'req' | 'headersSent'>, ageMs: number): boolean {
  return !req.complete && ageMs > BODY_MS && (headersSent || !unhurried.has(req));
}
