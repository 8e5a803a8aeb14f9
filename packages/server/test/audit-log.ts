import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { newId } from '../src/kernel/ids.ts';
import { Sensitive } from '../src/kernel/sensitive.ts';
import { type CheckpointKeys, insertLeaf, type Leaf, Sequencer } from '../src/modules/audit/index.ts';
import { insertEvent } from '../src/modules/events/index.ts';
import type { Database } from '../src/platform/db/index.ts';
import type { TestDatabase } from './database.ts';

/** A leaf of an act; say what matters otherwise. */
export const aLeaf = (orgId: string, more: Partial<Leaf> = {}): Leaf => ({
  orgId,
  action: 'thing.made',
  outcome: 'allowed',
  actor: { kind: 'api_key', id: newId() },
  credential: 'api_key',
  via: 'http',
  target: { type: 'thing', id: newId() },
  requestId: newId(),
  traceId: null,
  detail: { size: 3, name: 'Überprüfung' },
  personal: { address: '203.0.113.7' },
  ...more,
});

/** Commits leaves, each in a transaction of its own, in order. */
export async function commitLeaves(db: Pick<TestDatabase, 'system'>, leaves: readonly Leaf[]): Promise<void> {
  for (const leaf of leaves) await db.system.transaction({ orgId: null }, async (tx) => insertLeaf(tx, leaf));
}

export const testMasterKey = (): Sensitive<Buffer> => new Sensitive(randomBytes(32));

/** A sequencer on a test database that works when it is asked to. */
export function aSequencer(system: Database, keys: CheckpointKeys): Sequencer {
  return new Sequencer({
    transaction: (work) => system.transaction({ orgId: null }, work),
    keys,
    emit: insertEvent,
    told: () => {},
    onWake: () => () => {},
    log: pino({ level: 'silent' }),
  });
}

/** Sequences until nothing waits. */
export async function sequenceAll(sequencer: Sequencer): Promise<void> {
  let placed = 1;
  while (placed > 0) placed = await sequencer.sequence();
}
