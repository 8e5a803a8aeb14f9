import { hkdfSync } from 'node:crypto';
import { AppError } from '../kernel/errors.ts';
import { preserveJson, reviveJson } from '../kernel/json.ts';
import type { MasterKey } from './crypto/master-key.ts';
import { open, seal } from './crypto/sealed.ts';
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
const find = statement<{ input_hash: Buffer; sealed_output: Buffer }>(
  'idempotency.find',
  `select input_hash, sealed_output from idempotency_keys
   where org_id = $1 and principal_id = $2 and operation = $3 and key = $4 and created_at > now() - interval '24 hours'`,
);
const insert = statement(
  'idempotency.insert',
  `insert into idempotency_keys (org_id, principal_id, operation, key, input_hash, sealed_output) values ($1, $2, $3, $4, $5, $6)
   on conflict on constraint idempotency_keys__pk
   do update set input_hash = excluded.input_hash, sealed_output = excluded.sealed_output, created_at = now()`,
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

/** Keeps answers, each under a key of its organization: an answer may hold what is shown once, an API key say. */
export class IdempotencyStore {
  readonly #masterKey: MasterKey;

  constructor(masterKey: MasterKey) {
    this.#masterKey = masterKey;
  }

  /**
   * Takes the key for this transaction, or gives the stored answer.
   * @throws AppError `conflict` while another request with this key runs, `invalid` when it was used with another body
   */
  async claim(tx: Tx, scope: IdempotencyScope): Promise<{ output: unknown } | null> {
    const name = nameOf(scope);
    const [lock] = await tx.query(tryLock, name);
    if (lock?.taken !== true) {
      throw new AppError(
        'conflict',
        'idempotency.in_progress',
        'A request with this Idempotency-Key is still running. Try again in a moment.',
        { retryAfterMs: 1_000 },
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
    const plain = open(this.#keyOf(scope), stored.sealed_output, contextOf(scope)).toString();
    return { output: reviveJson(JSON.parse(plain)) };
  }

  /** Keeps an answer with the act that it answers. */
  store(tx: Tx, scope: IdempotencyScope, output: unknown): void {
    const plain = Buffer.from(preserveJson(output ?? null));
    tx.defer(insert, [...nameOf(scope), scope.inputHash, seal(this.#keyOf(scope), plain, contextOf(scope))]);
  }

  #keyOf({ orgId }: IdempotencyScope): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#masterKey.reveal(), orgId, 'idempotency', 32));
  }
}

const nameOf = ({ orgId, principalId, operation, key }: IdempotencyScope): [string, string, string, string] => [
  orgId,
  principalId,
  operation,
  key,
];

const contextOf = (scope: IdempotencyScope): string => `idempotency:${JSON.stringify(nameOf(scope))}`;

export async function deleteOldKeys(tx: Tx): Promise<void> {
  await tx.query(deleteOld, []);
}
