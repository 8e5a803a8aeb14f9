import type { MemberRole, Principal } from '../../kernel/principal.ts';
import type { Tx } from '../../platform/db/index.ts';
import type { Mailer } from '../../platform/mail/mailer.ts';
import type { AuditedAct, Call, NewEvent } from '../../platform/operation.ts';

/** What scopes there are and how they relate; access knows. */
export type ScopeCatalogue = {
  isScope(text: string): boolean;
  /** What a member of this role holds; the scopes of a custom role take the place of the ladder's. */
  ofMember(role: MemberRole, customScopes: readonly string[] | null): ReadonlySet<string>;
  within(asked: Iterable<string>, bound: ReadonlySet<string>): ReadonlySet<string>;
  coverage(held: ReadonlySet<string>, scope: string): 'all' | 'own' | 'none';
};

/** Writes down what happened in an organization other than the caller's own, or before the caller had one. */
export type Recorder = {
  /** `orgId` null: in the log of the installation itself. */
  audit(tx: Tx, of: { call: Call; orgId: string | null; actor?: { kind: string; id: string } }, act: AuditedAct): void;
  emit(tx: Tx, orgId: string, event: NewEvent): void;
};

/** What a sign-in gives a program. */
export type SignedIn = { accessToken: string; refreshToken: string; expiresInSeconds: number };

/** What tenancy needs of those who may not be above it, and of the world outside. */
export type TenancyServices = {
  scopes: ScopeCatalogue;
  recorder: Recorder;
  mailer: Mailer;
  /** Drops cached grants here at the commit, and on every other process. */
  grantsChanged(tx: Tx): void;
  keys: {
    /** Before a membership goes: the person's keys and webhooks keep what they can do right now. */
    freezeOf(tx: Tx, orgId: string, userId: string): Promise<void>;
    /** The keys and webhooks of a service account end with it. */
    revokeOf(tx: Tx, orgId: string, userId: string): Promise<unknown>;
  };
  accounts: {
    /** Holds a password to the rules, and hashes it; slow, so never in a transaction. */
    hashPassword(password: string, owner: { email: string; name: string }): Promise<string>;
    /**
     * Holds an act to somebody who signed in themselves, with all they may do, not long ago if asked.
     * @throws AppError `denied`
     */
    assertInPerson(tx: Tx, by: Principal, how: { recent: boolean }): Promise<void>;
    signIn(tx: Tx, of: { userId: string; orgId: string; client: string; call: Call }): Promise<SignedIn>;
  };
  /** Ends all work of an organization, queued and running. */
  endWork(tx: Tx, orgId: string): Promise<void>;
  /** Takes people out of the audit log, whose leaves stay whole. */
  erasePersonal: {
    ofOrganization(tx: Tx, orgId: string): Promise<void>;
    ofPerson(tx: Tx, person: { id: string; email: string }): Promise<void>;
  };
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  systemStatements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** The address of a page, as people reach this installation. */
  linkTo(path: string): string;
  settings: {
    organizationCreation: 'everybody' | 'administrators';
    graceDays: number;
    billingWebhookSecret: string | null;
  };
};
