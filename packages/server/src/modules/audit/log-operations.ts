import type { Tx, TxScope } from '../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import type { CheckpointKeys } from './checkpoints/keys.ts';
import type { Entry } from './model.ts';
import { type LogName, treeOfRequest } from './reach.ts';
import { entriesFrom, unsignedEntries } from './reads.ts';
import type { Checkpoint, SignedLogs, VerifierKey } from './signed-logs.ts';

export type LogOperationsOptions = {
  /** In the role of requests: statement by statement, in one organization. */
  statements<Result>(scope: TxScope, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  keys: CheckpointKeys;
  logs: SignedLogs;
};

/** The whole log: what it is, its entries as they are read, and the checkpoint that they amount to. */
export type LogExport = { checkpoint: Checkpoint; keys: VerifierKey[]; entries: AsyncIterable<Entry> };

const READ = { scope: 'audit:read', effect: 'read', rate: 'control', audit: null, transaction: 'none' } as const;
/** Rows that an export reads at once: what a slow reader makes us hold. */
const EXPORT_PAGE = 1_000;

/** The log as a whole: its checkpoint, its keys, and all that is in it. */
export function auditLogOperations({ statements, keys, logs }: LogOperationsOptions) {
  const getCheckpoint = operation({
    name: 'audit.checkpoint.get',
    summary: 'Get the newest signed checkpoint of an audit log.',
    ...READ,
    run: (context, input: { log: LogName }) => logs.checkpoint(treeOfRequest(context, input.log)),
  });

  const exportLog = operation({
    name: 'audit.log.export',
    summary: 'Read the whole audit log, with all that is needed to verify it without the server.',
    ...READ,
    async run(context, input: { log: LogName }): Promise<LogExport> {
      const checkpoint = await logs.checkpoint(treeOfRequest(context, input.log));
      const { orgId, size } = checkpoint;
      async function* entries(): AsyncGenerator<Entry> {
        for (let first = 0; first < size && !context.call.signal.aborted; first += EXPORT_PAGE) {
          const past = Math.min(first + EXPORT_PAGE, size);
          yield* await statements({ orgId }, (tx) => entriesFrom(tx, orgId, { first, past }));
        }
        yield* await statements({ orgId }, (tx) => unsignedEntries(tx, orgId, EXPORT_PAGE));
      }
      return { checkpoint, keys: await logs.verifierKeys(orgId), entries: entries() };
    },
  });

  const listVerifierKeys = operation({
    name: 'audit.key.list',
    summary: 'List the public keys that checkpoints of an audit log are verified with, also those that have retired.',
    ...READ,
    scope: 'authenticated',
    run: (context, input: { log: LogName }) => logs.verifierKeys(treeOfRequest(context, input.log)),
  });

  const rotateCheckpointKey = operation({
    name: 'audit.key.rotate',
    summary: 'Have checkpoints signed by a new key from now on; the old one stays listed.',
    scope: 'platform',
    effect: 'create',
    rate: 'control',
    transaction: 'system',
    audit: {
      action: 'audit.key_rotated',
      target: (_input: undefined, { active }: { retired: string | null; active: string }) => ({
        type: 'signing_key',
        id: active,
      }),
      detail: (_input, { retired, active }) => ({ before: { key: retired }, after: { key: active } }),
    },
    run: (context) => keys.rotate(context.tx),
  });

  return { getCheckpoint, exportLog, listVerifierKeys, rotateCheckpointKey } satisfies Record<string, AnyOperation>;
}
