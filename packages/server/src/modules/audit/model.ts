/*
 * leaf         one entry as its act writes it: who did what to what, through which door, and how it ended
 * entry        a leaf at its place in the tree of its organization
 * tree         all leaves of one organization, hashed as RFC 6962 says; also called its log
 * checkpoint   size and root of a tree, signed
 */

/** Stands for acts that belong to no organization: they have a tree of their own. No organization has this id. */
export const INSTALLATION = '00000000-0000-0000-0000-000000000000';

/** What a caller was known by. */
export type CredentialKind = 'api_key' | 'access_token' | 'session' | 'none';

/** One entry: who did what to what, through which door, and how it ended. Holds no content and no secrets. */
export type Leaf = {
  /** `INSTALLATION` for an act that belongs to none. */
  orgId: string;
  action: string;
  outcome: 'allowed' | 'refused';
  actor: { kind: string; id: string };
  credential?: CredentialKind;
  via: string;
  target: { type: string; id: string } | null;
  requestId: string;
  traceId: string | null;
  detail: Record<string, unknown>;
  /** Names and addresses of people, kept beside the leaf: erasing them leaves it whole. */
  personal: Record<string, unknown>;
};

export type Category = 'audit' | 'activity';
/** Which part of the system the entry comes from, in evershell's words. */
export type Actor = 'control-plane' | 'policy-engine';

/** The fields of an entry that are hashed, but for the digest of what is personal. */
export type EntryFields = {
  orgId: string;
  /** Its place in the tree: that an entry was moved shows in the entry itself. */
  index: number;
  id: string;
  /** RFC 3339 in UTC with microseconds, as it is hashed: a `Date` would cut it. */
  at: string;
  action: string;
  category: Category;
  actor: Actor;
  outcome: 'allowed' | 'refused';
  principal: { kind: string; id: string };
  credential: string;
  via: string;
  target: { type: string; id: string } | null;
  requestId: string;
  traceId: string | null;
  detail: Record<string, unknown>;
};

/** An entry as it is kept. `personal` and `salt` are null where there was nothing personal, or it has been erased. */
export type Entry = EntryFields & {
  personalDigest: Buffer | null;
  personal: Record<string, unknown> | null;
  salt: Buffer | null;
  leafHash: Buffer;
};

/** Where somebody may read: in one organization, in several, or everywhere; in some only their own acts. */
export type Reach =
  | { kind: 'one'; orgId: string; own: Own | null }
  | { kind: 'several'; orgIds: readonly string[]; ownIn: readonly string[]; own: Own }
  | { kind: 'all' };
/** The principal whose acts are its own. */
export type Own = { kind: string; id: string };

/** Lives of things that work, as opposed to who may do what: what evershell calls activity. */
const ACTIVITIES = ['evaluation.', 'job.', 'workflow.', 'workspace.', 'task.', 'build.', 'session.'];

/** A refusal is a decision of policy whatever was tried; the rest goes by its action. */
export const categoryOf = ({ action, outcome }: Pick<Leaf, 'action' | 'outcome'>): Category =>
  outcome === 'allowed' && ACTIVITIES.some((prefix) => action.startsWith(prefix)) ? 'activity' : 'audit';

export const actorOf = ({ outcome }: Pick<Leaf, 'outcome'>): Actor =>
  outcome === 'refused' ? 'policy-engine' : 'control-plane';
