import { apply, push } from './pristine.js';

/** Timers kept in the interpreter; the host sleeps until the next is due, and has it fired. */
export function makeTimers(now) {
  const timers = [];
  let lastId = 0;

  const add = (callback, delay, repeats, values) => {
    if (typeof callback !== 'function') throw new TypeError('The callback of a timer must be a function.');
    const wait = delay >= 1 ? +delay : 1;
    lastId += 1;
    push(timers, { id: lastId, due: now() + wait, wait, repeats, callback, values });
    return lastId;
  };
  const clear = (id) => {
    let kept = 0;
    for (let at = 0; at < timers.length; at++) if (timers[at].id !== id) timers[kept++] = timers[at];
    timers.length = kept;
  };
  const earliest = () => {
    let first;
    for (const timer of timers) if (first === undefined || timer.due < first.due) first = timer;
    return first;
  };
  const fireTimer = () => {
    const timer = earliest();
    if (timer.repeats) timer.due = now() + timer.wait;
    else clear(timer.id);
    apply(timer.callback, undefined, timer.values);
  };

  return {
    globals: {
      setTimeout: (callback, delay, ...values) => add(callback, delay, false, values),
      setInterval: (callback, delay, ...values) => add(callback, delay, true, values),
      clearTimeout: clear,
      clearInterval: clear,
    },
    nextTimer: () => earliest()?.due ?? -1,
    fireTimer,
  };
}
