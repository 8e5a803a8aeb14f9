import { type SqlValue, statement, type Tx } from '../../platform/db/index.ts';
import type { SealedValue } from '../vault/index.ts';
import type { Capture, CaptureOutcome } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  at: Date;
  operation: string;
  provider: string;
  model: string;
  outcome: CaptureOutcome;
  failure: string | null;
  principal_kind: string;
  principal_id: string;
  api_key_id: string | null;
  team_id: string | null;
  request_id: string | null;
  response_id: string | null;
  input_tokens: number;
  output_tokens: number;
  cost_micros: number | null;
  redactions: number;
  is_truncated: boolean;
  size_bytes: number;
};
type SealedRow = { id: string; key_version: number; sealed: Buffer };
const COLUMNS = `org_id, id, at, operation, provider, model, outcome, failure, principal_kind, principal_id, api_key_id,
  team_id, request_id, response_id, input_tokens, output_tokens, cost_micros, redactions, is_truncated, size_bytes`;

/** Of a call that failed and was made again in the name of the same fact, the last one counts. */
const replaced = `${COLUMNS}, key_version, sealed`
  .split(/,\s+/)
  .filter((column) => column !== 'org_id' && column !== 'id')
  .map((column) => `${column} = excluded.${column}`)
  .join(', ');

// Off means off, also for what was on its way: and an organization that was erased meanwhile has no policy.
const insert = statement(
  'captures.insert',
  `insert into captures (${COLUMNS}, key_version, sealed)
   select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22
   from capture_policies p where p.org_id = $1 and p.is_on
   on conflict on constraint captures__pk do update set ${replaced}`,
);
const byId = statement<Row & SealedRow>(
  'captures.by_id',
  `select ${COLUMNS}, key_version, sealed from captures where org_id = $1 and id = $2`,
);
const list = statement<Row>(
  'captures.list',
  `select ${COLUMNS} from captures
   where org_id = $1 and ($2::timestamptz is null or at >= $2) and ($3::timestamptz is null or at < $3)
     and ($4::text is null or provider = $4) and ($5::text is null or model = $5) and ($6::text is null or outcome = $6)
     and ($7::text is null or api_key_id = $7) and ($8::text is null or request_id = $8)
     and ($9::timestamptz is null or (at, id) < ($9, $10::uuid))
   order by at desc, id desc limit $11`,
);
const remove = statement<Row>(
  'captures.delete',
  `delete from captures where org_id = $1 and id = $2 returning ${COLUMNS}`,
);
const removeSome = statement<{ id: string }>(
  'captures.delete_some',
  `delete from captures where org_id = $1 and id = any (array(select id from captures where org_id = $1
     and ($2::timestamptz is null or at < $2) limit 2000)) returning id`,
);
// By the policy as it is now: a shorter retention is one for what was kept before, too.
const expire = statement<{ id: string }>(
  'captures.expire',
  `delete from captures where ctid = any (array(select c.ctid from capture_policies p join captures c on c.org_id = p.org_id
     where c.at < now() - make_interval(days => p.retention_days) limit 2000)) returning id`,
);
const toReseal = statement<SealedRow>(
  'captures.to_reseal',
  `select id, key_version, sealed from captures where org_id = $1 and key_version < $2 limit $3 for update skip locked`,
);
const reseal = statement(
  'captures.reseal',
  'update captures set key_version = $3, sealed = $4 where org_id = $1 and id = $2',
);

/** Keeps a capture. */
export async function insertCapture(tx: Tx, of: Capture, { keyVersion, bytes }: SealedValue): Promise<void> {
  const { principal } = of;
  const values: SqlValue[] = [of.orgId, of.id, of.at, of.operation, of.provider, of.model, of.outcome, of.failure];
  values.push(principal.kind, principal.id, of.apiKeyId, of.teamId, of.requestId, of.responseId, of.inputTokens);
  values.push(of.outputTokens, of.cost, of.redactions, of.isTruncated, of.sizeBytes, keyVersion, bytes);
  await tx.query(insert, values);
}

export async function findCapture(
  tx: Tx,
  orgId: string,
  id: string,
): Promise<{ capture: Capture; sealed: SealedValue } | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? { capture: toCapture(row), sealed: toSealed(row) } : null;
}

export type CaptureFilter = {
  from: Date | null;
  to: Date | null;
  provider: string | null;
  model: string | null;
  outcome: string | null;
  apiKeyId: string | null;
  requestId: string | null;
};
export type CapturePage = {
  orgId: string;
  filter: CaptureFilter;
  after: { at: Date; id: string } | null;
  limit: number;
};

/** Captures of an organization, newest first. */
export async function listCaptures(tx: Tx, { orgId, filter, after, limit }: CapturePage): Promise<Capture[]> {
  const { from, to, provider, model, outcome, apiKeyId, requestId } = filter;
  const chosen = [orgId, from, to, provider, model, outcome, apiKeyId, requestId];
  return (await tx.query(list, [...chosen, after?.at ?? null, after?.id ?? null, limit])).map(toCapture);
}

export async function deleteCapture(tx: Tx, orgId: string, id: string): Promise<Capture | null> {
  const [row] = await tx.query(remove, [orgId, id]);
  return row ? toCapture(row) : null;
}

/** Deletes a batch of those from before a moment, or of all; says how many. */
export const deleteSome = async (tx: Tx, orgId: string, before: Date | null): Promise<number> =>
  (await tx.query(removeSome, [orgId, before])).length;

/** Deletes a batch of what any organization keeps no longer; says how many. */
export const deleteExpired = async (tx: Tx): Promise<number> => (await tx.query(expire, [])).length;

export type SealedCapture = { id: string; sealed: SealedValue };

/** Some that are sealed with older keys, locked. */
export async function lockSealedBefore(
  tx: Tx,
  orgId: string,
  { keyVersion, limit }: { keyVersion: number; limit: number },
): Promise<SealedCapture[]> {
  return (await tx.query(toReseal, [orgId, keyVersion, limit])).map((row) => ({ id: row.id, sealed: toSealed(row) }));
}

export const replaceSealed = (tx: Tx, orgId: string, { id, sealed }: SealedCapture): void =>
  tx.defer(reseal, [orgId, id, sealed.keyVersion, sealed.bytes]);

const toSealed = (row: SealedRow): SealedValue => ({ keyVersion: row.key_version, bytes: row.sealed });

const toCapture = (row: Row): Capture => ({
  orgId: row.org_id,
  id: row.id,
  at: row.at,
  operation: row.operation,
  provider: row.provider,
  model: row.model,
  outcome: row.outcome,
  failure: row.failure,
  principal: { kind: row.principal_kind, id: row.principal_id },
  apiKeyId: row.api_key_id,
  teamId: row.team_id,
  requestId: row.request_id,
  responseId: row.response_id,
  inputTokens: row.input_tokens,
  outputTokens: row.output_tokens,
  cost: row.cost_micros,
  redactions: row.redactions,
  isTruncated: row.is_truncated,
  sizeBytes: row.size_bytes,
});
