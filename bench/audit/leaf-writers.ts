import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { BenchDatabase } from '../product/database.ts';

/** Both as an act of the product writes them; the peer's table has the columns and none of what makes it a log. */
const COLUMNS = `(org_id, action, outcome, actor_kind, actor_id, credential, via, target_type, target_id, request_id,
  trace_id, detail, personal)`;
const PEER_TABLE =
  'create table bench_leaves (like audit_leaves including defaults including identity including indexes)';
const insertInto = (table: string): string =>
  `insert into ${table} ${COLUMNS} values ($1, 'evaluation.queued', 'allowed', 'api_key', $2, 'api_key', 'http',
     'evaluation', $3, $4, $5, $6, $7)`;

const KEY = '6d1f9a52-2a1c-4c53-9c0b-0f7a8f7b1e10';
const DETAIL = JSON.stringify({ language: 'python', engine: 'bubblewrap', priority: 0 });
const PERSONAL = JSON.stringify({ address: '203.0.113.7' });
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

export type Writing = { committed: number; seconds: number };

/** The owner of the database, who writes leaves as the product's own processes do, and looks at what became of them. */
export class LeafWriters implements AsyncDisposable {
  readonly #clients: pg.Client[];

  private constructor(clients: pg.Client[]) {
    this.#clients = clients;
  }

  static async connect({ url }: BenchDatabase, connections: number): Promise<LeafWriters> {
    const clients = Array.from({ length: connections }, () => new pg.Client({ connectionString: url }));
    await Promise.all(clients.map((client) => client.connect()));
    await clients[0]?.query(PEER_TABLE);
    await clients[0]?.query('grant insert on bench_leaves to assay_system');
    for (const client of clients) await client.query('set role assay_system');
    return new LeafWriters(clients);
  }

  /** Commits leaves one by one on every connection; at a rate, or as fast as it goes. */
  async write(
    table: 'audit_leaves' | 'bench_leaves',
    of: { orgId: string; seconds: number; perSecond: number | null },
  ): Promise<Writing> {
    const began = performance.now();
    const end = began + of.seconds * 1000;
    let committed = 0;
    const text = insertInto(table);
    const one = async (client: pg.Client): Promise<void> => {
      for (let now = began; now < end; now = performance.now()) {
        const early = of.perSecond === null ? 0 : (committed / of.perSecond) * 1000 - (now - began);
        if (early > 1) {
          await delay(early);
          continue;
        }
        committed += 1;
        await client.query({ name: table, text, values: valuesFor(of.orgId, committed) });
      }
    };
    await Promise.all(this.#clients.map(one));
    return { committed, seconds: (performance.now() - began) / 1000 };
  }

  /** Commits so many leaves at once. */
  async fill(orgId: string, count: number): Promise<void> {
    await this.#first.query(
      `insert into audit_leaves ${COLUMNS}
       select $1, case n % 50 when 0 then 'apikey.created' else 'evaluation.queued' end, 'allowed', 'api_key',
         ($3::text[])[1 + n % 20], 'api_key', 'http', 'evaluation', 'eval_' || n, 'request-' || n, $4, $5, $6
       from generate_series(1, $2) n`,
      [orgId, count, Array.from({ length: 20 }, (_, at) => `${KEY.slice(0, -2)}${10 + at}`), TRACE, DETAIL, PERSONAL],
    );
  }

  /** Entries that have their place. */
  async placed(orgId: string): Promise<number> {
    const { rows } = await this.#first.query('select size::integer from audit_trees where org_id = $1', [orgId]);
    return rows[0]?.size ?? 0;
  }

  /** Age of the oldest leaf that has none, milliseconds. */
  async oldestWait(): Promise<number> {
    const { rows } = await this.#first.query(
      'select coalesce(extract(epoch from clock_timestamp() - min(at)) * 1000, 0)::float8 as ms from audit_leaves',
    );
    return rows[0].ms;
  }

  /** Makes an organization, and a key its own. */
  async moveKey(keyId: string, orgId: string): Promise<void> {
    await this.#first.query(`insert into organizations (id, name, slug) values ($1, 'Bench', $2)`, [orgId, orgId]);
    await this.#first.query('update api_keys set org_id = $1, created_by = null where id = $2', [orgId, keyId]);
  }

  /** What the product's own statistics would soon say. */
  async analyze(): Promise<void> {
    await this.#first.query('reset role');
    await this.#first.query('vacuum analyze audit_entries');
    await this.#first.query('set role assay_system');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
  }

  get #first(): pg.Client {
    return this.#clients[0] as pg.Client;
  }
}

const valuesFor = (orgId: string, at: number): string[] => [
  orgId,
  KEY,
  `eval_20260101_000000_${at}`,
  `request-${at}`,
  TRACE,
  DETAIL,
  PERSONAL,
];
