import { compose } from '../compose/compose.ts';
import { loadConfig } from '../config/config.ts';
import type { Bootstrap } from '../modules/identity/index.ts';
import type { Invocation } from './index.ts';

/**
 * Serves until a signal. The first SIGINT or SIGTERM stops in phases: no new requests, runs finish or go back to the
 * queue, pools close. A second one ends at once.
 */
export async function serve(invocation: Invocation): Promise<number> {
  const config = loadConfig(invocation);
  const stopping = Promise.withResolvers<NodeJS.Signals>();
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(130);
      stopping.resolve(signal);
    });
  }
  await using app = await compose(config);
  if (app.firstStart && app.url) process.stdout.write(welcome(app.url, app.firstStart));
  else if (app.url) process.stdout.write(`Assay is at ${app.url}\n`);
  const signal = await stopping.promise;
  app.core.log.info({ signal }, 'stopping; send the signal again to end at once');
  return 0;
}

/** What is printed once, at the first start: all that a newcomer needs. */
function welcome(url: string, { ownerEmail, password, rawKey }: Bootstrap): string {
  const key = rawKey?.reveal();
  return [
    '',
    `  Assay is ready at ${url}`,
    '',
    '  Shown once, so keep them:',
    `    Owner      ${ownerEmail}`,
    `    Password   ${password?.reveal() ?? '(as configured)'}`,
    `    API key    ${key ?? '(as configured)'}`,
    '',
    '  Run your first program:',
    '',
    `    ${firstProgram(url, key ?? 'sk_...')}`,
    '',
    '',
  ].join('\n');
}

/** Submits and waits for the end, in one call. */
const firstProgram = (url: string, key: string): string =>
  `curl -s '${url}/api/eval?wait=30' -H 'X-API-Key: ${key}' -H 'Content-Type: application/json' -d '{"code":"print(sum(range(101)))","language":"python"}'`;
