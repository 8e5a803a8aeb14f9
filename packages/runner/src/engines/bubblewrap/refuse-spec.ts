import { readFileSync } from 'node:fs';
import type { RunLimits, RunSpec } from '@assay/contract/runner';
import { refusePath } from '../../files/relative-path.ts';

/** Below these, bubblewrap or the loader cannot start. */
const LEAST: Partial<RunLimits> = { memory_mb: 8, open_files: 16 };

/** Why a run cannot be given what it asks for, in a sentence that names the field; undefined when it can. */
export function refuseSpec(spec: RunSpec): string | undefined {
  for (const [name, least] of Object.entries(LEAST)) {
    if (spec.limits[name as keyof RunLimits] < least) {
      return `The bubblewrap engine cannot hold limits.${name} below ${least}: ask for more.`;
    }
  }
  const most = hardLimit('Max open files');
  if (spec.limits.open_files > most) {
    return `This runner may open ${most} files itself and cannot grant limits.open_files above that: ask for fewer.`;
  }
  for (const { path } of spec.files) {
    const refusal = refusePath(path);
    if (refusal !== undefined) return `The file ${JSON.stringify(path)} is refused: ${refusal}.`;
  }
  const variable = Object.keys(spec.env).find((name) => name === '' || /[=\0]/.test(name));
  if (variable !== undefined) return `The variable ${JSON.stringify(variable)} is refused: it cannot be a name.`;
  const texts = [...spec.args, ...Object.values(spec.env)];
  if (texts.some((text) => text.includes('\0'))) return 'An argument or variable has a zero byte, which ends it.';
  return undefined;
}

/** A hard limit of this process, which those it starts cannot go above. */
function hardLimit(name: string): number {
  const line =
    readFileSync('/proc/self/limits', 'utf8')
      .split('\n')
      .find((text) => text.startsWith(name)) ?? '';
  const value = /\d+\s+(\d+|unlimited)/.exec(line)?.[1];
  return value === undefined || value === 'unlimited' ? Number.POSITIVE_INFINITY : Number.parseInt(value, 10);
}
