import type { StreamedEvent } from '../../events/index.ts';

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];
export type DeliveryKind = 'event' | 'test';

export type Delivery = {
  orgId: string;
  id: string;
  webhookId: string;
  messageId: string;
  kind: DeliveryKind;
  eventType: string;
  subject: string;
  state: DeliveryState;
  /** When it is sent next; null when it is not. */
  nextAttemptAt: Date | null;
  isSending: boolean;
  attempts: number;
  lastStatus: number | null;
  lastError: string | null;
  createdAt: Date;
  endedAt: Date | null;
};

/** One try. */
export type Attempt = {
  number: number;
  at: Date;
  durationMs: number;
  /** Null: there was no answer. */
  status: number | null;
  /** In words; null when the message was taken. */
  error: string | null;
  /** How the answer began. */
  answer: string | null;
};

/** A message as it is kept for each webhook that hears of it. */
export type NewMessage = { id: string; eventType: string; subject: string; body: string };

const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Seconds before each attempt but the first, as Standard Webhooks 1.0 propose: ten attempts in a good three days. */
const WAITS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;
/** Of each wait, at random: messages that failed together do not come back together. */
const JITTER = 0.2;
/** A receiver may ask for more time than the schedule gives, but not put a message off for good. */
const LONGEST_ASKED_SECONDS = 24 * HOUR;

/**
 * Seconds to the next attempt after so many have failed; null when the message is given up.
 * @param random from 0 to 1
 */
export function waitAfter(
  failures: number,
  { random, askedSeconds = 0 }: { random: number; askedSeconds?: number },
): number | null {
  const wait = WAITS[failures - 1];
  if (wait === undefined) return null;
  return Math.max(wait * (1 + JITTER * random), Math.min(askedSeconds, LONGEST_ASKED_SECONDS));
}

/** From so many failures in a row on, a webhook counts as failing: it is tried one message at a time, with pauses. */
export const FAILING_FROM = 5;
/** It is left alone for a second, then two, four, and so on up to this: so soon it is found out that a receiver is back. */
export const LONGEST_PAUSE_SECONDS = 60;

/** A webhook that took nothing for this long, and was tried at least so often, is disabled. */
export const DISABLE_AFTER_DAYS = 5;
export const DISABLE_AFTER_FAILURES = 10;

/** A message about an event, as Standard Webhooks shape it, with what the event is about beside its data. */
export function bodyOf(event: Pick<StreamedEvent, 'type' | 'occurredAt' | 'orgId' | 'subject' | 'data'>): string {
  const { type, occurredAt, orgId, subject, data } = event;
  return JSON.stringify({ type, timestamp: occurredAt.toISOString(), organization_id: orgId, subject, data });
}

/** The type of the message that a test sends. */
export const TEST_TYPE = 'webhook.test';
