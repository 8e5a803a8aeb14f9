import { AppError } from '../kernel/errors.ts';
import { preserveJson, reviveJson } from '../kernel/json.ts';
import { statement, type Tx } from './db/index.ts';

/*
 * Answers kept for retried requests, by organization, principal, operation and key. The key is taken with an advisory
 * lock for the length of the transaction, and the answer is stored in it: a crash leaves neither, and a second request
 * at the same time is told to come back instead of holding a connection.
 */

const tryLock = statement<{ taken: boolean }>(
  'idempotency.lock',
  `select pg_try_advisory_xact_lock(hashtextextended($1 || chr(31) || $2 || chr(31) || $3 || chr(31) || $4, 7201936412)) as taken`,
);
const find = statement<{ input_hash: Buffer; output: unknown }>(
  'idempotency.find',
  `select input_hash, output from idempotency_keys
   where org_id = $1 and principal_id = $2 and operation = $3 and key = $4 and created_at > now() - interval '24 hours'`,
);
const insert = statement(
  'idempotency.insert',
  `insert into idempotency_keys (org_id, principal_id, operation, key, input_hash, output) values ($1, $2, $3, $4, $5, $6)
   on conflict on constraint idempotency_keys__pk
   do update set input_hash = excluded.input_hash, output = excluded.output, created_at = now()`,
);
const deleteOld = statement(
  'idempotency.delete_old',
  `delete from idempotency_keys where created_at < now() - interval '24 hours'`,
);

export type IdempotencyScope = {
  orgId: string;
  principalId: string;
  operation: string;
  key: string;
  inputHash: Buffer;
};

/**
 * Takes the key for this transaction, or gives the stored answer.
 * @throws AppError `conflict` while another request with this key runs, `invalid` when it was used with another body
 */
export async function claimKey(tx: Tx, scope: IdempotencyScope): Promise<{ output: unknown } | null> {
  const name = [scope.orgId, scope.principalId, scope.operation, scope.key];
  const [lock] = await tx.query(tryLock, name);
  if (lock?.taken !== true) {
    throw new AppError(
      'conflict',
      'idempotency.in_progress',
      'A request with this Idempotency-Key is still running. Try again in a moment.',
      {
        retryAfterMs: 1_000,
      },
    );
  }
  const [stored] = await tx.query(find, name);
  if (!stored) return null;
  if (!stored.input_hash.equals(scope.inputHash)) {
    throw new AppError(
      'invalid',
      'idempotency.key_reused',
      'This Idempotency-Key was used with another body. Use a new key for a new request.',
    );
  }
  return { output: reviveJson(stored.output) };
}

export function storeOutput(tx: Tx, scope: IdempotencyScope, output: unknown): void {
  tx.defer(insert, [
    scope.orgId,
    scope.principalId,
    scope.operation,
    scope.key,
    scope.inputHash,
    preserveJson(output ?? null),
  ]);
}

export async function deleteOldKeys(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
