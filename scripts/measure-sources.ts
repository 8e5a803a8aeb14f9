import { sourceFiles, suppressionsIn } from '../architecture/source-files.ts';

/** The line counts that p percent of the files stay within. */
function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.max(0, Math.ceil((sorted.length * p) / 100) - 1)] ?? 0;
}

const files = sourceFiles();
for (const [name, isTest] of [
  ['sources', false],
  ['tests', true],
] as const) {
  const lines = files
    .filter((file) => file.isTest === isTest)
    .map((file) => file.lines)
    .toSorted((a, b) => a - b);
  const total = lines.reduce((sum, count) => sum + count, 0);
  const sizes = [50, 95, 100].map((p) => percentile(lines, p)).join(' / ');
  process.stdout.write(`${name}: ${lines.length} files, ${total} lines; median / p95 / longest ${sizes}\n`);
}
process.stdout.write(`suppressions: ${files.flatMap(suppressionsIn).length}\n`);
