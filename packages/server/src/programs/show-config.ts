import { listConfig, loadConfig } from '../config/config.ts';
import type { Invocation } from './index.ts';

/** Prints every setting with its value and where that came from; then fails if they do not go together. */
export async function showConfig({ args, env, cwd }: Invocation): Promise<number> {
  const asJson = args.includes('--json');
  const rest = args.filter((arg) => arg !== '--json');
  const lines = listConfig({ args: rest, env, cwd });
  if (asJson) process.stdout.write(`${JSON.stringify(lines, null, 2)}\n`);
  else {
    const width = Math.max(...lines.map(({ name }) => name.length));
    const valueWidth = Math.max(...lines.map(({ value }) => value.length), 8);
    for (const { name, value, origin, env: variable } of lines) {
      process.stdout.write(
        `${name.padEnd(width)}  ${(value || '-').padEnd(valueWidth)}  ${origin.padEnd(11)}  ${variable}\n`,
      );
    }
  }
  loadConfig({ args: rest, env, cwd });
  return 0;
}
