import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { allProcesses } from '../measure/proc-stat.ts';

/** A program of this bench in a process of its own, which answers questions one by one. */
export type ChildProgram<Ready> = AsyncDisposable & {
  /** What it said when it was ready. */
  ready: Ready;
  /** CPU time that its process has used, milliseconds. */
  cpuMs(): number;
  ask<Answer>(question: unknown): Promise<Answer>;
};

/** @throws Error when it ends before it is ready */
export async function startChild<Ready>(
  program: URL,
  environment: Readonly<Record<string, string>>,
): Promise<ChildProgram<Ready>> {
  const child = fork(program, {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const ready = (await answerOf(child)) as Ready;
  return {
    ready,
    cpuMs: () => allProcesses().get(child.pid ?? 0)?.ownMs ?? 0,
    async ask<Answer>(question: unknown): Promise<Answer> {
      child.send(question as object);
      return (await answerOf(child)) as Answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  try {
    return await Promise.race([
      once(child, 'message', { signal: waiting.signal }).then(([message]) => message),
      once(child, 'exit', { signal: waiting.signal }).then(([code]) => {
        throw new Error(`A program of the bench ended with ${code} instead of answering.`);
      }),
    ]);
  } finally {
    waiting.abort();
  }
}

/** The child's side: says that it is ready, answers questions, and ends with its parent. */
export function serveParent(ready: unknown, answer?: (question: unknown) => Promise<unknown>): void {
  const say = (message: unknown): void => void process.send?.(message);
  process.on('disconnect', () => process.exit());
  process.on('message', (question) => {
    if (!answer) throw new Error('This program answers no questions.');
    void answer(question).then(say);
  });
  say(ready);
}
