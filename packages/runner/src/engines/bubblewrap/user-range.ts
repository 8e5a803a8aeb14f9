import type { Server } from 'node:net';
import { createServer } from 'node:net';

const FIRST_BASE = 20_000;
const RANGE = 1000;
const RANGES = 30;

/** Host users that no other runner of this machine uses: boxes of different runs must not share one. */
export type UserRange = { base: number; release(): void };

/**
 * Claims a range of user ids for as long as this process lives. The claim is a socket with a name of its own, which
 * the kernel gives to one process only and takes back when that process ends, however it ends.
 */
export async function claimUsers(): Promise<UserRange> {
  for (let index = 0; index < RANGES; index += 1) {
    const base = FIRST_BASE + index * RANGE;
    const claim = await listen(`\0assay-runner-users-${base}`);
    if (claim) return { base, release: () => void claim.close() };
  }
  throw new Error(`All ${RANGES} ranges of user ids from ${FIRST_BASE} are in use by other runners on this machine.`);
}

function listen(path: string): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  server.unref();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(path, () => resolve(server));
  });
}
