import { setTimeout as delay } from 'node:timers/promises';
import { type App, compose, logOf } from '../compose/compose.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { SETTINGS } from '../config/settings.ts';
import type { Bootstrap } from '../modules/identity/index.ts';
import { isDatabaseAway } from '../platform/db/index.ts';
import { collectStartUpGarbage } from '../platform/start-up-garbage.ts';
import type { Invocation } from './index.ts';

/**
 * Serves until a signal. The first SIGINT or SIGTERM stops in phases: no new requests, runs finish or go back to the
 * queue, pools close. A second one ends at once.
 */
export async function serve(invocation: Invocation): Promise<number> {
  if (invocation.args.includes('--help')) {
    process.stdout.write(usage());
    return 0;
  }
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
  await using app = await composeOnceThere(config, stopping.promise);
  if (app === null) return 0;
  if (app.firstStart && app.url) {
    // What is shown once goes out before anything can go wrong; what to do next when it can be done.
    process.stdout.write(credentials(app.url, app.grpc, app.firstStart));
    await runnerIsReady(app, () => signals > 0);
    process.stdout.write(nextStep(app, app.url, app.firstStart));
  } else if (app.url) process.stdout.write(`Assay is at ${app.url}\n`);
  setTimeout(collectStartUpGarbage, STARTED_MS).unref();
  const signal = await stopping.promise;
  app.core.log.info({ signal }, 'stopping; send the signal again to end at once');
  return 0;
}

/** A database that is started beside us, or again, is there by then; past this its address is more likely wrong. */
const DATABASE_WAIT_MS = 60_000;
const ASK_AGAIN_MS = 1_000;

/**
 * Starts, and begins anew as long as the configured database cannot be reached; our own is there or cannot be started.
 * Null when it was told to stop before that.
 */
async function composeOnceThere(config: Config, stopping: Promise<NodeJS.Signals>): Promise<App | null> {
  const log = logOf(config);
  const until = Date.now() + DATABASE_WAIT_MS;
  for (;;) {
    try {
      return await compose(config, { log });
    } catch (thrown) {
      if (config.databaseUrl === null || !isDatabaseAway(thrown) || Date.now() > until) throw thrown;
      log.warn({ err: thrown }, 'the start needs a database that cannot be reached; trying again for a minute');
    }
    if ((await Promise.race([stopping, delay(ASK_AGAIN_MS, null)])) !== null) return null;
  }
}

const usage = (): string => {
  const flags = Object.values(SETTINGS).map(({ flag, help }) => `  --${flag.padEnd(28)} ${help}\n`);
  return `Usage: assay serve [flags]\n\n${flags.join('')}\nEach can also be said in the environment or in assay.toml: see \`assay config\`.\n`;
};

/** Whoever waited for the start has made their first request by then, and the runner is there. */
const STARTED_MS = 3_000;

/** A runner attacks its engines before it offers them; past this, something is wrong with it. */
const RUNNER_WAIT_MS = 20_000;
const LOOK_MS = 50;

async function runnerIsReady({ core }: App, isStopping: () => boolean): Promise<void> {
  const until = Date.now() + (core.config.role.has('runner') ? RUNNER_WAIT_MS : 0);
  while (core.fleet.engines.length === 0 && Date.now() < until && !isStopping()) await delay(LOOK_MS);
}

/** What is printed once, at the first start. */
function credentials(url: string, grpc: string | null, { ownerEmail, password, rawKey }: Bootstrap): string {
  return [
    '',
    `  Assay is ready at ${url}`,
    ...(grpc === null ? [] : [`  gRPC is at ${grpc}`]),
    '',
    '  Shown once, so keep them:',
    `    Console    ${url}/`,
    `    Owner      ${ownerEmail}`,
    `    Password   ${password?.reveal() ?? '(as configured)'}`,
    `    API key    ${rawKey?.reveal() ?? '(as configured)'}`,
    '',
    '',
  ].join('\n');
}

/** One call that submits a program and waits for its end; or why none would run. */
function nextStep({ core }: App, url: string, { rawKey }: Bootstrap): string {
  if (core.fleet.engines.length === 0)
    return `  No program can run yet: ${url}/readyz says why, and so does \`assay doctor\`.\n\n`;
  const key = rawKey?.reveal() ?? 'sk_...';
  const body = '{"code":"print(sum(range(101)))","language":"python"}';
  const call = `curl -s '${url}/api/eval?wait=30' -H 'X-API-Key: ${key}' -H 'Content-Type: application/json' -d '${body}'`;
  return `  Run your first program:\n\n    ${call}\n\n`;
}
