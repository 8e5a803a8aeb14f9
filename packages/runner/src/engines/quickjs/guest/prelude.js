import { makeConsole } from './console.js';
import { parse } from './pristine.js';
import { makeStd } from './std.js';
import { makeTimers } from './timers.js';

/*
 * Runs inside the interpreter, before the program. Nothing here is trusted with a limit: the host counts output, time
 * and memory.
 */

/** Gives the program its globals, and the host its hooks. */
export function prepare(host, settings) {
  const { args, env } = parse(settings);
  const { console, print, write, report } = makeConsole(host);
  const { globals, nextTimer, fireTimer } = makeTimers(host.now);
  const all = { console, print, scriptArgs: args, std: makeStd(host, env, write), ...globals };
  for (const [name, value] of Object.entries(all)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
  return { nextTimer, fireTimer, report };
}
