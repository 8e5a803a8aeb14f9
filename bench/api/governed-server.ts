/**
 * The product's API in a process of its own, with everything on; and, when asked for, the same with one part of its
 * governance switched off, each on a port of its own: one process, one database, one state of the machine.
 */
import { compose } from '../../packages/server/src/compose/compose.ts';
import { loadConfig } from '../../packages/server/src/config/config.ts';
import type { RateClaim, RateLimiter } from '../../packages/server/src/platform/rate-limiter.ts';
import { serveParent } from '../product/child-program.ts';
import { PARTS, type Part, serveWithout } from './switched-off.ts';

export type GovernedReady = { url: string; without: Partial<Record<Part, string>> };

const app = await compose(loadConfig({ args: [], env: process.env, cwd: process.cwd() }));
if (!app.core.limiter || app.url === null) throw new Error('The API must run here, with rate limits on.');
giveRoom(app.core.limiter);
const asked = (process.env['BENCH_SWITCH_OFF'] ?? '') === '' ? [] : PARTS;
const without: GovernedReady['without'] = {};
for (const part of asked) without[part] = await serveWithout(app, part);
serveParent({ url: app.url, without } satisfies GovernedReady);

/** The limiter counts every request as always; only the limit is out of reach. */
function giveRoom(limiter: RateLimiter): void {
  const take = limiter.take.bind(limiter);
  const peek = limiter.peek.bind(limiter);
  const roomy = ({ policy, caller }: RateClaim): RateClaim => ({ policy: { ...policy, limit: 1_000_000_000 }, caller });
  limiter.take = (claims) => take(claims.map(roomy));
  limiter.peek = (claims) => peek(claims.map(roomy));
}
