import type { Principal } from '../../kernel/principal.ts';
import type { AddressRules } from '../../platform/http-client/index.ts';
import type { StreamedEvent } from '../events/index.ts';
import type { DataKeys } from '../vault/index.ts';

/** Whether somebody can ever be told of events of a type or family. */
export type Audibility = 'heard' | 'denied' | 'unknown';

/** What an event is about, as permissions see it. */
export type ToldOf = Pick<StreamedEvent, 'orgId' | 'type' | 'subject'>;

/** What webhooks need of those whom they do not know. */
export type WebhookServices = {
  dataKeys: DataKeys;
  /** Which addresses an organization may name. */
  rules: AddressRules;
  /** What a person or service account may do in an organization now; null when they are no member. */
  findPerson(orgId: string, userId: string): Promise<Principal | null>;
  /** Scopes within others. */
  scopesWithin(asked: Iterable<string>, bound: ReadonlySet<string>): ReadonlySet<string>;
  /** Whether somebody may see an event, as they are permitted now. */
  shows(principal: Principal, event: ToldOf): boolean | Promise<boolean>;
  audibilityOf(principal: Pick<Principal, 'scopes'>, pattern: string): Audibility;
  /** There is something to send. */
  queued(): void;
};
