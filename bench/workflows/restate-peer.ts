/** The service that Restate calls, in a process of its own: says at which port. */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as restate from '@restatedev/restate-sdk';
import { serveParent } from '../product/child-program.ts';

const steps = restate.service({
  name: 'steps',
  handlers: {
    async chain(context: restate.Context, count: number): Promise<void> {
      for (let at = 0; at < count; at++) await context.run(`n${at}`, () => at);
    },
    async fanOut(context: restate.Context, count: number): Promise<void> {
      const all = Array.from({ length: count }, (_, at) => context.run(`n${at}`, () => at));
      await restate.RestatePromise.all(all);
    },
  },
});

const server = createServer(restate.createEndpointHandler({ services: [steps] }));
server.listen(0, '127.0.0.1', () => serveParent({ port: (server.address() as AddressInfo).port }));
