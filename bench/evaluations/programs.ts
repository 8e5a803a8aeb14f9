import { spawn } from 'node:child_process';

/** A program that says `hi`, as an evaluation and as a bare process: the same interpreter, nothing around it. */
export type Greeting = { language: string; code: string; command: string; args: readonly string[] };

export const GREETING = 'hi\n';

/**
 * The interpreters that the runner takes: the machine's own Python (what a version manager puts before it on the
 * path costs 100 ms a start), and the Node that runs this.
 */
export const GREETINGS: readonly Greeting[] = [
  { language: 'python', code: "print('hi')", command: '/usr/bin/python3', args: ['-c', "print('hi')"] },
  { language: 'javascript', code: "console.log('hi')", command: process.execPath, args: ['-e', "console.log('hi')"] },
];

/** Runs the program as a bare child process, to the end of its output. */
export function spawnBare({ command, args }: Greeting): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && said === GREETING) resolve();
      else reject(new Error(`${command} ended with ${code} and said ${JSON.stringify(said)}.`));
    });
  });
}
