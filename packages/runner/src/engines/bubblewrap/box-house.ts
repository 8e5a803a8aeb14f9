import { WarmPool } from '../../pool/warm-pool.ts';
import type { Berth, LaunchTime } from './berth.ts';
import { Berths } from './berths.ts';
import type { Box } from './box.ts';
import { BoxFault } from './box.ts';
import type { BoxKind, BoxShape } from './box-plan.ts';
import type { Step, StepResult } from './run-step.ts';
import { notRun, runStep } from './run-step.ts';

/** How a box is to be started. */
export type BoxPlan = { kind: BoxKind; shape: BoxShape };
type Lodging = { berth: Berth; box: Box };

export type BoxHouseOptions = {
  berths: readonly Berth[];
  /** Boxes to keep started at rest, one of each, in the shape that runs are expected to have. */
  atRest: readonly BoxPlan[];
  /** How many runs there may be at once. */
  slots: number;
  /** How many boxes to keep started in all; 0 starts each when it is needed. */
  warm: number;
  onTrouble: (error: unknown) => void;
};

const REST_AFTER_MS = 60_000;
/** Most runs are over by then, and the others no longer wait for their program to begin. */
const REFILL_AFTER_MS = 25;

/** Berths, the boxes kept started in them, and the way of a run through one. */
export class BoxHouse implements AsyncDisposable {
  readonly #berths: Berths;
  readonly #pool: WarmPool<BoxPlan, Lodging>;

  constructor({ berths, atRest, slots, warm, onTrouble }: BoxHouseOptions) {
    this.#berths = new Berths(berths, () => this.#pool.refill(), onTrouble);
    this.#pool = new WarmPool(
      {
        start: (plan) => this.#startAhead(plan),
        isAlive: ({ box }) => !box.exited,
        discard: (lodging) => this.#leave(lodging),
        nameOf: ({ kind, shape: { perProcess, ...fixed } }) => JSON.stringify([kind, fixed, perProcess]),
        familyOf: ({ kind }) => kind,
        atRest: (family) => (atRest.some(({ kind }) => kind === family) ? 1 : 0),
        mostOfKind: Math.max(slots, Math.floor(warm / 2)),
        capacity: warm,
        restAfterMs: REST_AFTER_MS,
        refillAfterMs: REFILL_AFTER_MS,
      },
      atRest,
    );
  }

  /** Starts one box and lets it go. Tells why it did not come up, or undefined when it did. */
  async tryOut(plan: BoxPlan, when: LaunchTime = 'at once'): Promise<string | undefined> {
    const lodging = await this.#start(plan, when);
    try {
      await lodging.box.ready;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.#leave(lodging);
    }
  }

  /** Begins to keep boxes started. */
  warmUp(): void {
    this.#pool.start();
  }

  /** Runs a step in a box of this kind, and says whether the box had been started before the step was known. */
  async run(
    kind: BoxKind,
    shape: BoxShape,
    step: Step,
    signal: AbortSignal,
  ): Promise<{ result: StepResult; startedAhead: boolean }> {
    const ahead = this.#pool.take({ kind, shape });
    if (ahead) {
      const result = await this.#lodge(ahead, step, signal);
      if (!(result instanceof BoxFault)) return { result, startedAhead: true };
      // What was started ahead and failed before the step began says nothing about a new one.
    }
    const result = await this.#lodge(await this.#start({ kind, shape }, 'at once'), step, signal);
    if (!(result instanceof BoxFault)) return { result, startedAhead: false };
    const message = `The sandbox could not be set up: ${result.message}`;
    return { result: notRun('setup_failed', message), startedAhead: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pool.close();
    await this.#berths.close();
  }

  async #lodge(lodging: Lodging, step: Step, signal: AbortSignal): Promise<StepResult | BoxFault> {
    try {
      await untilReady(lodging.box, signal);
      if (signal.aborted) return notRun('cancelled', 'The run was cancelled.');
      return await runStep(lodging.berth, lodging.box, step, signal);
    } catch (error) {
      if (error instanceof BoxFault) return error;
      throw error;
    } finally {
      this.#leave(lodging);
      this.#pool.refill();
    }
  }

  async #start({ kind, shape }: BoxPlan, when: LaunchTime): Promise<Lodging> {
    const berth = await this.#berths.acquire();
    return { berth, box: berth.launch(kind, shape, when) };
  }

  #startAhead({ kind, shape }: BoxPlan): Lodging | undefined {
    const berth = this.#berths.poll();
    return berth && { berth, box: berth.launch(kind, shape, 'ahead') };
  }

  #leave({ berth }: Lodging): void {
    this.#berths.release(berth);
  }
}

/** Waits for the box, and ends it when the run is cancelled before it is there. */
async function untilReady(box: Box, signal: AbortSignal): Promise<void> {
  const cancel = () => box.kill();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    await box.ready;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
