import type { Tx } from '../../../platform/db/index.ts';
import type { Resealer } from '../../vault/index.ts';
import { deleteAnswersBefore, deleteAnswersBeyond, deleteExpiredAnswers } from './store.ts';

/** What answers of one organization may take: some ten thousand of usual size. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Deletes a batch of cached answers whose time is over, or that are too many; says how many. */
export const retainCachedAnswers = async (tx: Tx): Promise<number> =>
  (await deleteExpiredAnswers(tx)) + (await deleteAnswersBeyond(tx, MOST_BYTES));

/** When data keys are replaced, what is cached goes: it is made again when it is asked for. */
export const cachedAnswerResealer: Resealer = {
  purpose: 'cached_answers',
  reseal: (tx, { orgId, version: keyVersion }, limit) => deleteAnswersBefore(tx, orgId, { keyVersion, limit }),
};
