/** DBOS in a process of its own, on the PostgreSQL that it is given. Asked for a walk, it says when it is over. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { serveParent } from '../product/child-program.ts';
import { several, type Walk } from './walker.ts';

const step = (at: number): Promise<number> => DBOS.runStep(async () => at, { name: `n${at}` });

const chain = DBOS.registerWorkflow(
  async (steps: number): Promise<void> => {
    for (let at = 0; at < steps; at++) await step(at);
  },
  { name: 'chain' },
);
const fanOut = DBOS.registerWorkflow(
  async (steps: number): Promise<void> => {
    await Promise.all(Array.from({ length: steps }, (_, at) => step(at)));
  },
  { name: 'fan-out' },
);

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: process.env['DATABASE_URL'] ?? '',
  systemDatabasePoolSize: 16,
  logLevel: 'error',
  runAdminServer: false,
});
await DBOS.launch();

serveParent({}, async (question) => {
  const walk = question as Walk;
  if (walk.what === 'fan-out') await fanOut(walk.steps);
  else await several(walk.runs, () => chain(walk.steps));
  return {};
});
