import type { Principal } from '../../../kernel/principal.ts';
import type { EventFilter } from '../../events/index.ts';

/*
 * webhook    an address of an organization's own that is told of its events
 * maker      whose permissions bound what a webhook hears: who made it, or last said where it goes and what it hears
 * message    one event as webhooks are sent it, or a test; its id stays the same however often and to whom it is sent
 * delivery   a message on its way to one webhook, tried until it is taken or given up
 * secret     what messages to one webhook are signed with
 */

/** Why a webhook is sent nothing any more. */
export const DISABLED_REASONS = ['by_hand', 'failing', 'gone', 'maker_removed'] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

/**
 * Whose permissions bound a webhook. While the person (or service account) is a member, what they may do bounds it too;
 * without one, the scopes are final.
 */
export type Maker = {
  kind: Principal['kind'];
  id: string;
  userId: string | null;
  /** What the credential allowed; null: all that the person may do. */
  scopes: readonly string[] | null;
};

export type Webhook = {
  orgId: string;
  id: string;
  url: string;
  description: string;
  filter: EventFilter;
  /** Null while it is sent messages. */
  disabled: { at: Date; reason: DisabledReason } | null;
  createdBy: string;
  maker: Maker;
  version: number;
  createdAt: Date;
  updatedAt: Date;
};

/** How a webhook fares. */
export type Health = {
  consecutiveFailures: number;
  failingSince: Date | null;
  /** One that fails again and again is left alone until then. */
  pausedUntil: Date | null;
};

/** Enough for every system that an organization has, and each event is held against all of them. */
export const MOST_WEBHOOKS = 50;

/** The newest secret signs, and the ones before it that receivers may still know. */
export const MOST_SECRETS = 3;
const PREFIX = 'whsec_';

/** A secret as receivers are given it. */
export const writeSecret = (bytes: Buffer): string => PREFIX + bytes.toString('base64');
