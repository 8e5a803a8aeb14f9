import { hkdfSync } from 'node:crypto';
import { newId } from '../../kernel/ids.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import { open, seal } from '../crypto/sealed.ts';
import type { Tx } from '../db/index.ts';
import { insertMail } from './outbox-store.ts';

/** One mail to one address, in plain text. */
export type Mail = { to: string; subject: string; text: string };

/** Tells people things by mail. Without a mail server nothing is sent: whoever needs a link is given it by the caller. */
export type Mailer = {
  readonly isConfigured: boolean;
  /** Sends a mail once the transaction has committed, and not at all when it has not. */
  send(tx: Tx, mail: Mail): void;
};

export type OutboxOptions = {
  masterKey: MasterKey;
  isConfigured: boolean;
  /** There is mail to send; called after the commit. */
  queued(): void;
};

/** Puts mail into the outbox, from which a worker sends it: a crash loses none. */
export class Outbox implements Mailer {
  readonly isConfigured: boolean;
  readonly #key: Buffer;
  readonly #queued: () => void;

  constructor({ masterKey, isConfigured, queued }: OutboxOptions) {
    this.isConfigured = isConfigured;
    this.#key = mailKey(masterKey);
    this.#queued = queued;
  }

  send(tx: Tx, mail: Mail): void {
    if (!this.isConfigured) return;
    const id = newId();
    insertMail(tx, id, seal(this.#key, Buffer.from(JSON.stringify(mail)), contextOf(id)));
    tx.onCommit(this.#queued);
  }
}

/** Reads a mail that lay in the outbox. */
export const openMail = (key: Buffer, id: string, sealed: Buffer): Mail =>
  JSON.parse(open(key, sealed, contextOf(id)).toString()) as Mail;

export const mailKey = (masterKey: MasterKey): Buffer =>
  Buffer.from(hkdfSync('sha256', masterKey.reveal(), '', 'mail', 32));

const contextOf = (id: string): string => `mail:${id}`;
