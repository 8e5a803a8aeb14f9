import type { RunnerId } from '../../kernel/ids.ts';
import { statement, type Tx } from '../../platform/db/index.ts';
import type { Runner, RunnerOffer } from './model.ts';

type Row = {
  id: string;
  name: string;
  version: string;
  slots: number;
  engines: Runner['engines'];
  refused: Runner['refused'];
  languages: Runner['languages'];
  node_id: string;
  last_seen_at: Date;
  is_connected: boolean;
};

const present = statement(
  'runners.present',
  `insert into runners (id, name, version, slots, engines, refused, languages, node_id, connected_at, last_seen_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, now(), now())
   on conflict (id) do update set name = excluded.name, version = excluded.version, slots = excluded.slots,
     engines = excluded.engines, refused = excluded.refused, languages = excluded.languages, node_id = excluded.node_id,
     connected_at = now(), last_seen_at = now(), disconnected_at = null`,
);
const seen = statement('runners.seen', 'update runners set last_seen_at = now() where id = any($1) and node_id = $2');
const gone = statement('runners.gone', 'update runners set disconnected_at = now() where id = $1 and node_id = $2');
const live = statement<Row>(
  'runners.live',
  `select id, name, version, slots, engines, refused, languages, node_id, last_seen_at, disconnected_at is null as is_connected
   from runners where last_seen_at > now() - make_interval(secs => $1) order by name, id`,
);
export async function saveRunner(tx: Tx, id: RunnerId, nodeId: string, offer: RunnerOffer): Promise<void> {
  await tx.query(present, [
    id,
    offer.name,
    offer.version,
    offer.slots,
    JSON.stringify(offer.engines),
    JSON.stringify(offer.refused),
    JSON.stringify(offer.languages),
    nodeId,
  ]);
}

export async function markSeen(tx: Tx, ids: readonly RunnerId[], nodeId: string): Promise<void> {
  await tx.query(seen, [ids, nodeId]);
}

export async function markGone(tx: Tx, id: RunnerId, nodeId: string): Promise<void> {
  await tx.query(gone, [id, nodeId]);
}

/** Runners heard of in the last `seconds`, connected or only just gone. */
export async function listRecentRunners(tx: Tx, seconds: number): Promise<Runner[]> {
  return (await tx.query(live, [seconds])).map((row) => ({
    id: row.id as RunnerId,
    name: row.name,
    version: row.version,
    slots: row.slots,
    engines: row.engines,
    refused: row.refused,
    languages: row.languages,
    nodeId: row.node_id,
    lastSeenAt: row.last_seen_at,
    isConnected: row.is_connected,
  }));
}
