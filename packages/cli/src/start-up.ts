import { setTimeout as pause } from 'node:timers/promises';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { Readiness } from '@assay/sdk';
import type { BackgroundServer, ServerStart } from './background-server.ts';
import { CliError } from './cli-error.ts';

/** How often it is looked whether the server is ready. Milliseconds. */
const LOOK_MS = 100;
/** How much of its log is shown when it does not start. Lines. */
const LAST_WORDS = 15;

/** A server that is ready. `isNew`: it was started for this. */
export type ReadyServer = { url: string; pid: number; isNew: boolean };
type Until = { deadline: number; signal: AbortSignal };

/** Starts a server unless one runs, and waits until it is ready. One that is just stopping is followed by a new one. */
export async function ensureRunning(server: BackgroundServer, start: ServerStart, until: Until): Promise<ReadyServer> {
  if (await server.running()) {
    const found = await untilReady(server, until).catch((error: unknown) => {
      if (error instanceof CliError && error.code === 'start_failed') return null;
      throw error;
    });
    if (found) return { ...found, isNew: false };
  }
  await server.start(start, until.signal);
  return { ...(await untilReady(server, until)), isNew: true };
}

/**
 * Waits until a server in the background is ready, and says where.
 * @throws CliError when it ends instead, with the end of its log, and when it takes too long, with what is missing
 */
export async function untilReady(
  server: BackgroundServer,
  { deadline, signal }: Until,
): Promise<{ url: string; pid: number }> {
  for (let seen: Readiness | null = null; ; ) {
    const running = await server.running();
    if (!running) throw await ended(server);
    const url = running.url ?? addressIn(await server.words());
    if (url !== null) seen = (await readinessOf(url, signal)) ?? seen;
    if (url !== null && seen?.status === 'ready') {
      await server.isReadyAt(url, signal);
      return { url, pid: running.pid };
    }
    if (Date.now() > deadline) throw late(server, seen);
    await pause(LOOK_MS, undefined, { signal });
  }
}

/** The server says where it is once it listens; its port may be one that the system chose. */
const addressIn = (words: string): string | null => /\bat (https?:\/\/\S+)/.exec(words)?.[1] ?? null;

/** Null as long as nothing answers. */
async function readinessOf(url: string, signal: AbortSignal): Promise<Readiness | null> {
  const { Assay } = await import('@assay/sdk');
  return new Assay({ baseUrl: url }).platform.readiness({ maxRetries: 0, timeout: 5_000, signal }).catch(() => null);
}

async function ended(server: BackgroundServer): Promise<CliError> {
  const log = await server.lastLines(LAST_WORDS);
  await server.forget();
  return new CliError(`The server ended while it started. The end of its log, ${server.logFile}:\n${log}`, {
    code: 'start_failed',
    exit: EXIT_CODES.failed,
    hint: '`assay doctor` checks everything that a start needs.',
  });
}

function late(server: BackgroundServer, seen: Readiness | null): CliError {
  const missing = (seen?.checks ?? []).filter(({ ok }) => !ok).map(({ name, detail }) => `  ${name}: ${detail}`);
  const why = missing.length === 0 ? 'It does not answer yet.' : `It answers, and lacks:\n${missing.join('\n')}`;
  return new CliError(`The server is not ready in time, and goes on. ${why}`, {
    code: 'start_timeout',
    exit: EXIT_CODES.timedOut,
    hint: `Its log: ${server.logFile}. Run \`assay up\` again to go on waiting, or \`assay down\` to stop it.`,
  });
}
