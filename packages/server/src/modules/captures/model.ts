import type { Json } from '../../kernel/json.ts';
import type { Micros } from '../../kernel/money.ts';

/*
 * capture    what one call asked of a model and what came back, kept for those who may look
 * policy     which calls of an organization are captured, what is taken out of them first, and how long they are kept
 * redactor   takes something out of a text before it is kept: a built-in one by its name, or a pattern of the policy
 * gap        captures that should be there and are not; told of in metrics and in the audit log
 */

export const REDACTORS = ['email', 'api_key', 'card_number'] as const;
export type BuiltInRedactor = (typeof REDACTORS)[number];
export type Pattern = { name: string; pattern: string };

export type CapturePolicy = {
  isOn: boolean;
  retentionDays: number;
  redactors: readonly BuiltInRedactor[];
  patterns: readonly Pattern[];
  /** Only calls by these keys, or attributed to these teams; both empty: all. */
  apiKeyIds: readonly string[];
  teamIds: readonly string[];
};
/** A policy as it stands. `version` 0 is that of an organization that never set one. */
export type StandingPolicy = CapturePolicy & { version: number; updatedBy: string | null; updatedAt: Date | null };

export const NO_POLICY: StandingPolicy = {
  isOn: false,
  retentionDays: 30,
  redactors: REDACTORS,
  patterns: [],
  apiKeyIds: [],
  teamIds: [],
  version: 0,
  updatedBy: null,
  updatedAt: null,
};

/** Whose call it is, as far as a policy asks. */
export type Caller = { orgId: string; apiKeyId: string | null; teamId: string | null };

export function covers({ isOn, apiKeyIds, teamIds }: CapturePolicy, { apiKeyId, teamId }: Caller): boolean {
  if (!isOn) return false;
  if (apiKeyIds.length === 0 && teamIds.length === 0) return true;
  return (apiKeyId !== null && apiKeyIds.includes(apiKeyId)) || (teamId !== null && teamIds.includes(teamId));
}

/** How a captured call ended. */
export type CaptureOutcome = 'completed' | 'cancelled' | 'failed';

/** What is known of a capture without opening it. */
export type Capture = Caller & {
  /** That of the call's usage record. */
  id: string;
  at: Date;
  operation: string;
  provider: string;
  model: string;
  outcome: CaptureOutcome;
  failure: string | null;
  principal: { kind: string; id: string };
  requestId: string | null;
  /** The provider's own id of its answer. */
  responseId: string | null;
  inputTokens: number;
  outputTokens: number;
  cost: Micros | null;
  /** How many things were taken out. */
  redactions: number;
  isTruncated: boolean;
  sizeBytes: number;
};

/** What was asked and answered. `answer` holds what came, where the call broke off; null where nothing did. */
export type CapturedContent = { request: Json; answer: Json; tries: Json };

/** A call on its way to being captured. */
export type Taken = Omit<Capture, 'redactions' | 'isTruncated' | 'sizeBytes'> & {
  policy: CapturePolicy;
  /** About how much memory it holds on to. */
  bytes: number;
  /** Asked for when there is time, behind the answer. */
  content(): CapturedContent;
};
