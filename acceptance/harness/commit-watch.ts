import type { Client } from 'pg';
import { inDatabase } from './database.ts';
import type { Server } from './server.ts';

/** A counter as some transaction left it. */
type Seen = { budget: string; spent: number; reserved: number; cap: number };

/*
 * Triggers that fire when a transaction commits, of the test's own: what each leaves behind is written down, and what it
 * sets aside, so that not one commit goes unseen.
 */
const SCHEMA = `
  create table if not exists seen_counters (
    org_id uuid not null, budget_id uuid not null, period_start timestamptz not null,
    spent bigint not null, reserved bigint not null, cap bigint not null
  );
  create table if not exists seen_reservations (org_id uuid not null, id uuid not null, amount bigint not null);
  create or replace function see_counter() returns trigger language plpgsql security definer as $$ begin
    insert into seen_counters
    values (new.org_id, new.budget_id, new.period_start, new.spent_micros, new.reserved_micros, new.limit_micros);
    return null;
  end $$;
  create or replace function see_reservation() returns trigger language plpgsql security definer as $$ begin
    insert into seen_reservations values (new.org_id, new.id, new.amount_micros);
    return null;
  end $$;
  create constraint trigger seen after insert or update on budget_counters
    deferrable initially deferred for each row execute function see_counter();
  create constraint trigger seen after insert on reservations
    deferrable initially deferred for each row execute function see_reservation();
`;

/** Sees what every transaction of an installation leaves on its budgets. */
export class CommitWatch {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async begin(server: Server): Promise<CommitWatch> {
    await inDatabase(server, (client) => client.query(SCHEMA));
    return new CommitWatch(server);
  }

  /** How many commits there were, and those after which a budget held more than its cap. */
  commits(orgId: string): Promise<{ count: number; beyond: Seen[] }> {
    return this.#ask(async (client) => {
      const { rows } = await client.query<Seen>(
        `select budget_id as budget, spent::float8 as spent, reserved::float8 as reserved, cap::float8 as cap
         from seen_counters where org_id = $1`,
        [orgId],
      );
      return { count: rows.length, beyond: rows.filter(({ spent, reserved, cap }) => spent + reserved > cap) };
    });
  }

  /** What was set aside for each call, by the id that its record has. */
  amounts(orgId: string): Promise<Map<string, number>> {
    return this.#ask(async (client) => {
      const { rows } = await client.query<{ id: string; amount: number }>(
        'select id, amount::float8 as amount from seen_reservations where org_id = $1',
        [orgId],
      );
      return new Map(rows.map(({ id, amount }) => [id, amount]));
    });
  }

  /** Spent and set aside of each budget, over its periods: one that ends during a test begins another. */
  counters(orgId: string): Promise<Map<string, { spent: number; reserved: number }>> {
    return this.#ask(async (client) => {
      await client.query('set role assay_system');
      const { rows } = await client.query<{ budget: string; spent: number; reserved: number }>(
        `select budget_id as budget, sum(spent_micros)::float8 as spent, sum(reserved_micros)::float8 as reserved
         from budget_counters where org_id = $1 group by budget_id order by budget_id`,
        [orgId],
      );
      return new Map(rows.map(({ budget, spent, reserved }) => [budget, { spent, reserved }]));
    });
  }

  #ask<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    return inDatabase(this.#server, work);
  }
}
