import { format } from './format.js';
import { errorText, inspect } from './inspect.js';
import { charCodeAt, slice, trimEnd } from './pristine.js';

/** Longest text handed to the host at once, so that no single call makes it copy much. */
const PIECE = 16384;

/** The console and `print`, and `write` for what prints otherwise. */
export function makeConsole(host) {
  const write = (fd, text) => {
    for (let from = 0; from < text.length; ) {
      const to = from + PIECE - (endsInHalfPair(text, from + PIECE) ? 1 : 0);
      if (host.write(fd, slice(text, from, to))) halted();
      from = to;
    }
  };
  const out = (...values) => write(1, `${format(values)}\n`);
  const err = (...values) => write(2, `${format(values)}\n`);
  const console = {
    log: out,
    info: out,
    debug: out,
    error: err,
    warn: err,
    dir: (value) => out(inspect(value)),
    trace: (...values) => err(`Trace: ${format(values)}\n${trimEnd(new Error('Trace').stack)}`),
    assert: (condition, ...values) => {
      if (!condition) err(values.length === 0 ? 'Assertion failed' : `Assertion failed: ${format(values)}`);
    },
  };
  const report = (title, error) => write(2, `${title}${error instanceof Error ? errorText(error) : inspect(error)}\n`);
  return { console, print: out, write, report };
}

/** Spins until the host's interrupt, which comes every few thousand instructions: none of the program's may run. */
export function halted() {
  for (;;);
}

function endsInHalfPair(text, end) {
  const last = end < text.length ? charCodeAt(text, end - 1) : 0;
  return last >= 0xd800 && last < 0xdc00;
}
