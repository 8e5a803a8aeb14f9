import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ISOLATION_LEVELS, type OfferedEngine, type OfferedLanguage } from '@assay/contract/runner';
import type { Configuration } from './configuration.ts';
import type { Engine } from './engine.ts';
import { runnerId } from './identity.ts';
import { closeInheritedDescriptors } from './inherited-descriptors.ts';
import type { Toolchain } from './languages/language.ts';
import { log } from './log.ts';
import { makeEngines } from './machine-engines.ts';
import { Session } from './session/session.ts';
import { collectStartUpGarbage } from './start-up-garbage.ts';

/** Taken for `auto`; the others are for those who name them. */
const AUTOMATIC = new Set(['bubblewrap', 'landlock', 'quickjs']);

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** Runs until it is told to end: offers what this machine has, takes leases, drains when asked to stop. */
export async function serve(configuration: Configuration): Promise<void> {
  const stop = stopSignals(configuration);
  if (process.pid === 1)
    log.warn({}, 'this is process 1, which collects no orphans: run it under an init such as tini');
  const inherited = closeInheritedDescriptors();
  if (inherited > 0) log.info({ inherited }, 'closed descriptors that programs would have inherited');
  await using stack = new AsyncDisposableStack();
  const id = runnerId(configuration.stateDir);
  const onTrouble = (error: unknown): void =>
    log.warn({ error: String(error) }, 'something went wrong and is being mended');
  const { engines, refused, toolchains, groups } = await makeEngines({ ...configuration, runnerId: id, onTrouble });
  stack.defer(() => groups?.close());
  for (const engine of engines) stack.use(engine);
  for (const { engine, reason, fix } of refused) log.warn({ engine, reason, fix }, `engine ${engine} is not offered`);
  if (engines.length === 0)
    log.error({}, 'no engine can be offered: this runner takes no work. Programs never run without one');
  const session = stack.use(
    new Session({
      connect: configuration.connect,
      token: readFileSync(configuration.tokenFile, 'utf8').trim(),
      engines,
      presentation: {
        runner_id: id,
        name: configuration.name,
        version,
        slots: configuration.slots,
        engines: engines
          .map(offerOf)
          .sort((a, b) => ISOLATION_LEVELS.indexOf(a.level) - ISOLATION_LEVELS.indexOf(b.level)),
        refused: refused.map(({ engine, reason, fix }) => ({ engine, reason, fix })),
        languages: toolchains.map(languageOf),
      },
      log,
    }),
  );
  collectStartUpGarbage();
  session.start();
  await Promise.race([stop.drain.then(() => session.drain()), stop.end]);
}

const offerOf = (engine: Engine): OfferedEngine => ({
  engine: engine.name,
  level: engine.level,
  version: engine.version,
  languages: [...engine.languages],
  auto: AUTOMATIC.has(engine.name),
  missing: [...engine.missing],
});

const languageOf = ({ language, version: found }: Toolchain): OfferedLanguage => ({
  language: language.name,
  version: found,
  compiled: language.compile !== undefined,
});

/** Requests to stop: `drain` when what runs may end, `end` when nobody is left to take its results. */
type Stop = { drain: Promise<void>; end: Promise<void> };

/**
 * The first SIGTERM or SIGINT drains, a second one ends at once. When the parent goes (its end of our standard input
 * closes, whatever killed it), everything ends, also in the middle of a drain.
 */
function stopSignals({ exitWithParent }: Configuration): Stop {
  const drain = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals === 1) drain.resolve();
      else end.resolve();
    });
  }
  if (exitWithParent) {
    process.stdin.on('end', () => end.resolve()).on('error', () => end.resolve());
    process.stdin.resume();
  }
  return { drain: drain.promise, end: end.promise };
}
