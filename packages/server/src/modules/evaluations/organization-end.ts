import type { Tx } from '../../platform/db/index.ts';
import type { EvaluationServices } from './services.ts';
import { endAllOf } from './store-endings.ts';

/** Ends all work of an organization that is deleted: what is queued with the commit, what runs as soon as its runner hears of it. */
export async function endWorkOf(
  tx: Tx,
  orgId: string,
  { endings, cancelled }: Pick<EvaluationServices, 'endings' | 'cancelled'>,
): Promise<void> {
  const ended = await endAllOf(tx, orgId, 'organization_deleted');
  tx.onCommit(() => {
    for (const { id, state } of ended) {
      if (state === 'cancelled') endings.announce(id);
      else cancelled(id);
    }
  });
}
