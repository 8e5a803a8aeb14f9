import type { StreamEvent } from '@assay/contract';
import type { FollowOptions } from '@assay/sdk';
import type { Cli } from './cli.ts';
import { interrupted } from './cli-error.ts';
import { Progress } from './progress.ts';
import { eventLine } from './workflow-view.ts';

type Followed = {
  id: string;
  follow(options: FollowOptions): AsyncIterable<StreamEvent>;
  /** Whether events are what is asked for, and not only waited for. */
  tell: boolean;
  /** What to say to who goes before the end. */
  goesOn: string;
};

/** Follows a run or a job to its end. A broken connection is made again, and nothing is lost or repeated. */
export async function followWork({ printer, signal }: Cli, { id, follow, tell, goesOn }: Followed): Promise<void> {
  using progress = new Progress(printer, `Waiting for ${id}`, { plain: true });
  const onReconnect = (): void => void printer.note('reconnected');
  try {
    for await (const event of follow({ signal, onReconnect })) {
      if (printer.format === 'jsonl') await printer.event(event);
      if (!tell || printer.format !== 'human') continue;
      progress[Symbol.dispose]();
      await printer.program('stdout', eventLine(event));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw interrupted(goesOn);
  }
}
