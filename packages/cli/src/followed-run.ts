import type { Assay } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { interrupted } from './cli-error.ts';
import type { EndedRun } from './ended-run.ts';
import { Progress } from './progress.ts';

/**
 * Prints what a run writes, as it writes it, to the same two streams; ends with the run. A broken connection is made
 * again, and nothing is lost or repeated.
 */
export async function followRun(assay: Assay, id: string, { printer, signal }: Cli): Promise<EndedRun> {
  // Standard error belongs to the program here: a line of ours in it would be taken for one of its own.
  using progress = new Progress(printer, `Waiting for ${id}`, { plain: false });
  const onReconnect = (): void => void printer.note('reconnected');
  try {
    for await (const event of assay.evaluations.followLogs(id, { signal, onReconnect })) {
      progress[Symbol.dispose]();
      if (printer.format === 'jsonl') await printer.event(event);
      if (event.type === 'end') return event;
      if (printer.format === 'human') await printer.program(event.stream, event.text);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw interrupted(`The run goes on. End it with: assay eval kill ${id}`);
  }
  throw new Error('A log stream ended without saying so.');
}
