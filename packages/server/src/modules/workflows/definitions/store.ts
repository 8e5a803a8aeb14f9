import { statement, type Tx } from '../../../platform/db/index.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import type { ConcurrencyLimit, Definition } from './model.ts';

type Row = {
  org_id: string;
  id: string;
  name: string;
  version: number;
  description: string;
  nodes: NodeDefinition[];
  input_schema: JsonObject | null;
  timeout_ms: number | null;
  budget_micros: number | null;
  concurrency: ConcurrencyLimit[];
  created_by: string;
  created_at: Date;
  archived_at: Date | null;
};

const COLUMNS =
  'org_id, id, name, version, description, nodes, input_schema, timeout_ms, budget_micros, concurrency, created_by, created_at, archived_at';

// Versions of a name are numbered one after the other, however many come at once.
const lockName = statement(
  'workflow_definitions.lock_name',
  'select pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 0))',
);
// What jobs are runs of is nobody's to see, nor to archive.
const VISIBLE = `left(name, 1) <> '$'`;

const insert = statement<Row>(
  'workflow_definitions.insert',
  `insert into workflow_definitions (org_id, id, name, version, description, nodes, input_schema, timeout_ms, budget_micros, concurrency, created_by)
   select $1, $2, $3, coalesce(max(d.version), 0) + 1, $4, $5, $6, $7, $8, $9, $10
   from workflow_definitions d where d.org_id = $1 and d.name = $3 returning ${COLUMNS}`,
);
const byId = statement<Row>(
  'workflow_definitions.by_id',
  `select ${COLUMNS} from workflow_definitions where org_id = $1 and id = $2 and ${VISIBLE}`,
);
const newest = statement<Row>(
  'workflow_definitions.newest',
  `select ${COLUMNS} from workflow_definitions where org_id = $1 and name = $2 and archived_at is null
     and ($3::integer is null or version = $3) order by version desc limit 1`,
);
const list = statement<Row>(
  'workflow_definitions.list',
  `select ${COLUMNS} from workflow_definitions
   where org_id = $1 and ($2::text is null or name = $2) and ${VISIBLE}
     and ($3::uuid is null or (created_at, id) < (select c.created_at, c.id from workflow_definitions c where c.org_id = $1 and c.id = $3))
   order by created_at desc, id desc limit $4`,
);
const archive = statement<Row>(
  'workflow_definitions.archive',
  `update workflow_definitions set archived_at = coalesce(archived_at, now()) where org_id = $1 and id = $2 and ${VISIBLE} returning ${COLUMNS}`,
);

export type NewDefinition = Omit<Definition, 'version' | 'createdAt' | 'archivedAt'>;

/** Adds the next version of a name. */
export async function insertDefinition(tx: Tx, of: NewDefinition): Promise<Definition> {
  tx.defer(lockName, [of.orgId, of.name]);
  const [row] = await tx.query(insert, [
    of.orgId,
    of.id,
    of.name,
    of.description,
    JSON.stringify(of.nodes),
    of.inputSchema === null ? null : JSON.stringify(of.inputSchema),
    of.timeoutMs,
    of.budget,
    JSON.stringify(of.concurrency),
    of.createdBy,
  ]);
  return toDefinition(row as Row);
}

export async function findDefinition(tx: Tx, orgId: string, id: string): Promise<Definition | null> {
  const [row] = await tx.query(byId, [orgId, id]);
  return row ? toDefinition(row) : null;
}

/** The newest version of a name that is not archived, or the one of that number. */
export async function findByName(
  tx: Tx,
  of: { orgId: string; name: string; version: number | null },
): Promise<Definition | null> {
  const [row] = await tx.query(newest, [of.orgId, of.name, of.version]);
  return row ? toDefinition(row) : null;
}

export type DefinitionPage = { orgId: string; name: string | null; after: string | null; limit: number };

/** Versions of definitions, newest first. */
export async function listDefinitions(tx: Tx, { orgId, name, after, limit }: DefinitionPage): Promise<Definition[]> {
  return (await tx.query(list, [orgId, name, after, limit])).map(toDefinition);
}

export async function archiveDefinition(tx: Tx, orgId: string, id: string): Promise<Definition | null> {
  const [row] = await tx.query(archive, [orgId, id]);
  return row ? toDefinition(row) : null;
}

const toDefinition = (row: Row): Definition => ({
  orgId: row.org_id,
  id: row.id,
  name: row.name,
  version: row.version,
  description: row.description,
  nodes: row.nodes,
  inputSchema: row.input_schema,
  timeoutMs: row.timeout_ms,
  budget: row.budget_micros,
  concurrency: row.concurrency,
  createdBy: row.created_by,
  createdAt: row.created_at,
  archivedAt: row.archived_at,
});
