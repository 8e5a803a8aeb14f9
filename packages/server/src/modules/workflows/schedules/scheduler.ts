import { toAppError } from '../../../kernel/errors.ts';
import type { Principal } from '../../../kernel/principal.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Log } from '../../../platform/log.ts';
import { Rounds } from '../../../platform/queue/rounds.ts';
import { insertEvent } from '../../events/index.ts';
import type { Failure } from '../engine/model.ts';
import { scheduleErrors } from '../errors.ts';
import type { Actor } from '../runs/model.ts';
import { dueTimes, isDue } from './fire.ts';
import type { PausedReason, Schedule } from './model.ts';
import { tell } from './operations.ts';
import * as store from './store.ts';
import { nextTime } from './timing.ts';

export type DueSchedule = store.ScheduleName & { actsAs: Actor };

export type SchedulerOptions = {
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** What somebody may do in an organization now; null when they are not there any more. */
  findActor(orgId: string, actor: Actor): Promise<Principal | null>;
  /** Runs `fireSchedule` in the name of whom the schedule acts as. */
  fire(principal: Principal, id: string): Promise<void>;
  /** Writes to the audit log that a schedule was paused by nobody. */
  paused(tx: Tx, schedule: Schedule, reason: PausedReason): void;
  /** Events were committed. */
  told(): void;
  log: Log;
};

/** Firings begin so late at most. */
const EVERY_MS = 1_000;
const MOST_AT_ONCE = 16;

/** Fires schedules when they are due. Several processes may do so: each firing is made by one of them. */
export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #rounds = new Rounds(EVERY_MS, () => this.sweep());

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds.start();
  }

  /** One round: whatever is due. */
  async sweep(): Promise<void> {
    const { statements, log } = this.#options;
    try {
      for (let isMore = true; isMore; ) {
        const due = await statements((tx) => store.findDueSchedules(tx, MOST_AT_ONCE));
        const fired = await Promise.all(due.map((schedule) => this.#fire(schedule)));
        // A full batch says that more may be due; one that others had says that they are at it.
        isMore = due.length === MOST_AT_ONCE && fired.includes(true);
      }
    } catch (error) {
      log.warn({ err: error }, 'firing schedules failed; trying again in a moment');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }

  /** False when somebody else has it. */
  async #fire(due: DueSchedule): Promise<boolean> {
    const { findActor, fire, transaction, told, log } = this.#options;
    try {
      const actor = await findActor(due.orgId, due.actsAs);
      if (!actor) throw nobodyThere();
      await fire(actor, due.id);
    } catch (thrown) {
      const refusal = toAppError(thrown);
      if (refusal.code === NOT_DUE) return false;
      // Fired as soon as the database is back.
      if (refusal.kind === 'unavailable') throw refusal;
      if (refusal.kind === 'internal') log.error({ err: thrown, schedule: due.id }, 'a schedule could not be fired');
      const failure = { code: refusal.code, message: refusal.message };
      await transaction((tx) => this.#fail(tx, due, failure, refusal.kind === 'denied'));
      told();
    }
    return true;
  }

  /** Records a firing that was refused, so that the next one has its turn; a schedule that may do nothing is paused. */
  async #fail(tx: Tx, name: store.ScheduleName, error: Failure, isDenied: boolean): Promise<void> {
    const schedule = await store.claimSchedule(tx, name);
    if (!schedule) return;
    const scheduledFor = isDue(schedule)
      ? (dueTimes(schedule).at(-1) ?? schedule.dueAt)
      : (await store.findStanding(tx, schedule)).waiting[0];
    if (scheduledFor) store.recordFiring(tx, schedule, { scheduledFor, outcome: 'failed', runId: null, error });
    const emit = (event: Parameters<typeof insertEvent>[2]): void => insertEvent(tx, schedule.orgId, event);
    tell({ emit }, 'failed', schedule, { error });
    if (isDenied) {
      const reason = 'not_permitted';
      await store.updateSchedule(tx, { ...schedule, dueAt: null, paused: { at: schedule.readAt, reason } });
      tell({ emit }, 'paused', schedule, { reason });
      this.#options.paused(tx, schedule, reason);
    } else if (isDue(schedule)) store.moveScheduleOn(tx, schedule, nextTime(schedule, schedule.readAt));
  }
}

const nobodyThere = (): Error =>
  scheduleErrors.not_permitted(
    'Whom this schedule acts as is no member any more, or the key is revoked. Resume it to have it act in your name.',
  );
const NOT_DUE = scheduleErrors.not_due('').code;
