import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CONFIG = fileURLToPath(new URL('../.dependency-cruiser.mjs', import.meta.url));
const DEPCRUISE = fileURLToPath(
  new URL('../node_modules/dependency-cruiser/bin/dependency-cruiser.mjs', import.meta.url),
);

/** One refused import. `from` and `to` are paths from the cruised root. */
type Violation = { rule: string; comment: string; from: string; to: string };

/** What a cruise saw: how many modules, and which of their imports the layers refuse. */
export type Cruise = { modules: number; violations: Violation[] };

type Report = {
  summary: {
    totalCruised: number;
    violations: { from: string; to: string; rule: { name: string } }[];
    ruleSetUsed: { forbidden: { name: string; comment: string }[] };
  };
};

/** Holds the folders of a tree against `.dependency-cruiser.mjs`. */
export async function cruise(root: string, folders: readonly string[]): Promise<Cruise> {
  const argv = [DEPCRUISE, '--config', CONFIG, '--output-type', 'json', ...folders];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: root, maxBuffer: 256 * 1024 * 1024 });
  const { summary } = JSON.parse(stdout) as Report;
  const comments = new Map(summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
  return {
    modules: summary.totalCruised,
    violations: summary.violations.map(({ rule, from, to }) => ({
      rule: rule.name,
      comment: comments.get(rule.name) ?? '',
      from,
      to,
    })),
  };
}
