/** The fan-out alone: a bare Node server that writes frames of the product's size to everybody, and replays from memory. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveParent } from '../product/child-program.ts';

const frames: string[] = [];
const open = new Set<ServerResponse>();
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': hello\n\n');
  const last = request.headers['last-event-id'];
  if (last !== undefined) for (const frame of frames.slice(Number(last))) response.write(frame);
  open.add(response);
  response.on('close', () => open.delete(response));
}).listen(0, '127.0.0.1', 2_048);
await once(server, 'listening');

function frameOf(n: number): string {
  const data = {
    id: String(n),
    type: 'evaluation.completed',
    subject: 'eval_0123456789abcdef0123456789abcdef',
    organization_id: '00000000-0000-4000-8000-000000000000',
    occurred_at: new Date().toISOString(),
    data: { status: 'completed', n, at: performance.timeOrigin + performance.now() },
  };
  return `id: ${n}\nevent: evaluation.completed\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Sends so many events, evenly over time; answers when the last one was written. */
async function send(events: number, perSecond: number): Promise<number> {
  const began = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    const due = Math.min(events, Math.floor(((performance.now() - began) * perSecond) / 1_000));
    while (frames.length < due) {
      const frame = frameOf(frames.length + 1);
      frames.push(frame);
      for (const response of open) response.write(frame);
    }
    if (frames.length >= events) resolve();
  }, 2);
  await promise;
  clearInterval(timer);
  return frames.length;
}

serveParent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, async (question) => {
  const { events, perSecond } = question as { events: number; perSecond: number };
  return await send(events, perSecond);
});
