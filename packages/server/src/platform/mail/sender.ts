import type { MasterKey } from '../crypto/master-key.ts';
import type { Tx } from '../db/index.ts';
import type { Log } from '../log.ts';
import { ClaimLoop } from '../queue/claim-loop.ts';
import { mailKey, openMail } from './mailer.ts';
import { claimMail, postponeMail, type QueuedMail, removeMail } from './outbox-store.ts';
import type { MailTransport } from './smtp.ts';

export type MailSenderOptions = {
  transport: MailTransport;
  masterKey: MasterKey;
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  onQueued(listener: () => void): () => void;
  log: Log;
};

/** More at once is what mail servers take for abuse. */
const AT_ONCE = 4;
/** A lost signal costs this much, and what is tried again waits for the next poll. */
const POLL_MS = 5_000;
/** After about two days a link in a mail is of little use any more, and a mail server that was down for that long is gone. */
const MOST_ATTEMPTS = 19;
const LONGEST_WAIT_SECONDS = 6 * 3600;

/** Seconds until the next attempt after so many have failed: 5, 10, 20, … up to six hours. */
const waitAfter = (attempts: number): number => Math.min(5 * 2 ** (attempts - 1), LONGEST_WAIT_SECONDS);

/** Sends what lies in the outbox. Several processes share the work; a mail that fails is tried again later. */
export class MailSender implements AsyncDisposable {
  readonly #options: MailSenderOptions;
  readonly #key: Buffer;
  readonly #loop: ClaimLoop<QueuedMail>;
  readonly #sending = new Set<Promise<void>>();
  #unlisten: (() => void) | null = null;

  constructor(options: MailSenderOptions) {
    this.#options = options;
    this.#key = mailKey(options.masterKey);
    this.#loop = new ClaimLoop({
      name: 'mail',
      capacity: () => AT_ONCE - this.#sending.size,
      claim: (max) => options.statements((tx) => claimMail(tx, max)),
      start: (mail) => this.#start(mail),
      pollMs: POLL_MS,
      log: options.log,
    });
  }

  start(): void {
    this.#unlisten = this.#options.onQueued(() => this.#loop.wake());
    this.#loop.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten?.();
    await this.#loop[Symbol.asyncDispose]();
    await Promise.all(this.#sending);
    this.#options.transport.close();
  }

  #start(mail: QueuedMail): void {
    const sending = this.#send(mail)
      .catch((error) => this.#options.log.warn({ err: error, mail: mail.id }, 'a mail could not be settled'))
      .finally(() => {
        this.#sending.delete(sending);
        this.#loop.wake();
      });
    this.#sending.add(sending);
  }

  async #send({ id, sealed, attempts }: QueuedMail): Promise<void> {
    const { transport, statements, log } = this.#options;
    try {
      await transport.deliver(openMail(this.#key, id, sealed));
    } catch (error) {
      if (attempts < MOST_ATTEMPTS) {
        log.warn({ mail: id, attempts, reason: reasonOf(error) }, 'a mail was not taken; it is tried again later');
        await statements((tx) => postponeMail(tx, id, waitAfter(attempts)));
        return;
      }
      log.error(
        { mail: id, attempts, reason: reasonOf(error) },
        'a mail was given up: check ASSAY_SMTP_URL and the mail server',
      );
    }
    await statements((tx) => removeMail(tx, id));
  }
}

/** Why a mail was not taken, in codes: what servers say in words names the person it is for. */
function reasonOf(error: unknown): string {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  return [code, responseCode].filter((part) => part !== undefined).join(' ') || 'unreadable';
}
