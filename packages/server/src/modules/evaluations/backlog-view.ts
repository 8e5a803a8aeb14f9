import { type Backlog, queuePosition } from './model.ts';

/**
 * How long one look at the queue serves, milliseconds. The look counts everything that waits, so at a thousand
 * submissions a second into a long queue it must not be made for each; a lone caller always gets a fresh one.
 */
const FRESH_MS = 20;
const MOST_VIEWS = 1_000;

type View = { until: number; rows: Promise<Backlog[]> };

/** Gives places in the queue, from counts of a moment ago and what was added here since. */
export class BacklogView {
  readonly #read: (orgId: string) => Promise<Backlog[]>;
  readonly #views = new Map<string, View>();

  constructor(read: (orgId: string) => Promise<Backlog[]>) {
    this.#read = read;
  }

  /** The places of new evaluations of an organization, in order; they count as waiting from here on. */
  async place(orgId: string, priorities: readonly number[]): Promise<number[]> {
    const rows = await this.#rows(orgId);
    return priorities.map((priority) => {
      const position = queuePosition(rows, orgId, priority, 1);
      this.#add(rows, orgId, priority);
      return position;
    });
  }

  #rows(orgId: string): Promise<Backlog[]> {
    const now = performance.now();
    const known = this.#views.get(orgId);
    if (known && known.until > now) return known.rows;
    if (this.#views.size >= MOST_VIEWS) this.#views.clear();
    const rows = this.#read(orgId);
    this.#views.set(orgId, { until: now + FRESH_MS, rows });
    rows.catch(() => this.#views.delete(orgId));
    return rows;
  }

  #add(rows: Backlog[], orgId: string, priority: number): void {
    const mine = rows.find((row) => row.orgId === orgId && row.priority === priority);
    if (mine) {
      mine.queued += 1;
      return;
    }
    const { running, servedAt } = rows.find((row) => row.orgId === orgId) ?? { running: 0, servedAt: null };
    rows.push({ orgId, priority, queued: 1, running, servedAt });
  }
}
