import { type Ask, humanConfig, resultOfDeadline } from '../approvals/model.ts';
import type { Actor } from '../runs/model.ts';
import type { Handler } from './model.ts';

export type HumanServices = {
  /** The person or service account behind the maker of a run; null where there is none. */
  personOf(orgId: string, maker: Actor): Promise<string | null>;
};

/** Asks somebody, and waits for the decision: `approvals` takes it, or the deadline comes first. */
export const humanHandler =
  ({ personOf }: HumanServices): Handler =>
  async ({ orgId, node, input, maker, resume }) => {
    const config = humanConfig(node);
    if (resume !== null) return resultOfDeadline(config);
    const now = Date.now();
    const at = config.deadline_ms === undefined ? null : new Date(now + config.deadline_ms);
    const asks: Ask = {
      assignee: config.assignee ?? null,
      notBy: config.other_than_maker ? await personOf(orgId, maker) : null,
      askedAt: new Date(now).toISOString(),
      deadlineAt: at?.toISOString() ?? null,
      input,
    };
    return { kind: 'waiting', at, resume: { asks }, tells: { title: config.title, assignee: asks.assignee } };
  };
