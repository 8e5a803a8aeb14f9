import type { Tx } from '../../../platform/db/index.ts';
import type { Mailer } from '../../../platform/mail/mailer.ts';
import type { AuditedAct, Context } from '../../../platform/operation.ts';
import type { Throttle } from '../throttle/throttle.ts';
import type { SecondFactors } from '../totp/second-factors.ts';
import type { PublicUrl } from './mails.ts';

type Work = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>;

/** What acts on an account stand on. */
export type AccountServices = {
  /** On the system handle: people belong to no organization. */
  statements: Work;
  transaction: Work;
  throttle: Throttle;
  secondFactors: SecondFactors;
  mailer: Mailer;
  publicUrl: PublicUrl;
  /** Takes care of work whose end the caller must not be able to measure; its failure is logged. */
  inBackground(work: Promise<void>): void;
  /** Drops cached grants at the commit, everywhere. */
  grantsChanged(tx: Tx): void;
  /** Writes the leaf of a person's act, in the organization that they acted in; in none, there is no log to write to. */
  audit(
    context: Pick<Context, 'tx' | 'call'>,
    who: { orgId: string | null; userId: string },
    act: Pick<AuditedAct, 'action'> & Partial<AuditedAct>,
  ): void;
};
