import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node';

type Tally = { passed: number; failed: number; skipped: number };

/**
 * Prints `N passed, N failed, N skipped` as the last line of a run, over all projects.
 *
 * A line that only counted test cases could read "0 failed" under a red run, so whatever else turns a run red counts
 * as a failure too: a file that does not load, a suite whose hook throws, an error nobody awaited, and a process that
 * ends non-zero for a reason no reporter hears of (global setup and teardown).
 */
export default class ClosingLineReporter implements Reporter {
  readonly #tally: Tally = { passed: 0, failed: 0, skipped: 0 };

  onInit(): void {
    // Only at exit is nothing printed after us: other reporters and the teardown write until then.
    process.once('exit', (code) => process.stdout.write(`${closingLine(this.#tally, code)}\n`));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    Object.assign(this.#tally, tallyOf(modules, unhandledErrors));
  }
}

function tallyOf(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Tally {
  const tally: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    tally.failed += brokenSuites(module);
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test still pending when the run ends was cut off, which is no pass.
      if (state === 'pending') tally.failed += 1;
      else tally[state] += 1;
    }
  }
  return tally;
}

function brokenSuites(module: TestModule): number {
  const suites: (TestModule | TestSuite)[] = [module, ...module.children.allSuites()];
  return suites.filter((suite) => suite.errors().length > 0).length;
}

function closingLine({ passed, failed, skipped }: Tally, exitCode: number): string {
  const unexplained = exitCode !== 0 && failed === 0 ? 1 : 0;
  return `${passed} passed, ${failed + unexplained} failed, ${skipped} skipped`;
}
