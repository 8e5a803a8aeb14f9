import type { Failure } from '../engine/model.ts';
import type { JsonObject } from '../model.ts';
import type { Actor } from '../runs/model.ts';

/*
 * schedule  says when runs of a workflow are made: by cron, in a time zone
 * firing    one time that a schedule came due, and what came of it
 * missed    a firing that nobody made in time, because no worker ran
 */

/** What a firing does while a run of the schedule is under way: leaves it, waits for its end, or starts beside it. */
export const OVERLAPS = ['skip', 'queue', 'allow'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** Which of the firings that were missed are made up for: none, the last of them, or each. */
export const CATCH_UPS = ['skip', 'latest', 'all'] as const;
export type CatchUp = (typeof CATCH_UPS)[number];

/** `not_permitted`: whom it acts as is gone, or may not make runs any more. */
export type PausedReason = 'by_hand' | 'not_permitted';

export type Timing = { cron: string; timeZone: string };

export type Schedule = Timing & {
  orgId: string;
  id: string;
  name: string;
  workflow: { name: string; version: number | null };
  overlap: Overlap;
  catchUp: CatchUp;
  input: JsonObject;
  priority: number;
  /** Whether its runs start at once, or wait for somebody to start them. */
  start: boolean;
  /** Null while it is paused. */
  dueAt: Date | null;
  paused: { at: Date; reason: PausedReason } | null;
  /** Whoever made it, or last changed or resumed it; `:own` scopes reach what acts as them. */
  actsAs: Actor;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  /** When it was read, by the clock of the database: the one that it fires by. */
  readAt: Date;
};

export type Firing = {
  scheduledFor: Date;
  outcome: 'started' | 'waiting' | 'skipped' | 'failed';
  runId: string | null;
  /** Why it was skipped or failed. */
  error: Failure | null;
  firedAt: Date;
};

/** More than that in one organization fire every minute at most: the worker keeps up with them. */
export const MOST_SCHEDULES = 1_000;
