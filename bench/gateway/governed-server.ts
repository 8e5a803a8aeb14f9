/**
 * The product in a process of its own, API and worker, with everything on; and the same with one part of its governance
 * switched off, each on a port of its own: one process, one database, one state of the machine.
 */
import { compose } from '../../packages/server/src/compose/compose.ts';
import { loadConfig } from '../../packages/server/src/config/config.ts';
import { serveSwitched } from '../api/switched-off.ts';
import { serveParent } from '../product/child-program.ts';
import { GATEWAY_SWITCHES, PARTS, type Part } from './switched-off.ts';

export type PartsReady = { url: string; without: Record<Part, string> };

const app = await compose(loadConfig({ args: [], env: process.env, cwd: process.cwd() }));
if (app.url === null) throw new Error('The API must run here.');
const without: Partial<PartsReady['without']> = {};
for (const part of PARTS) without[part] = await serveSwitched(app, GATEWAY_SWITCHES[part]);
serveParent({ url: app.url, without } as PartsReady);
