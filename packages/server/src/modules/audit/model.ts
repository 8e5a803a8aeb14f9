/** One entry: who did what to what, through which door, and how it ended. Holds no content and no secrets. */
export type Leaf = {
  orgId: string;
  action: string;
  outcome: 'allowed' | 'refused';
  actor: { kind: string; id: string };
  via: string;
  target: { type: string; id: string } | null;
  requestId: string;
  traceId: string | null;
  detail: Record<string, unknown>;
  /** Names and addresses of people, kept beside the leaf: erasing them leaves it whole. */
  personal: Record<string, unknown>;
};
