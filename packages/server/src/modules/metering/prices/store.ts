import { statement, type Tx } from '../../../platform/db/index.ts';
import type { Override, OverridePrice } from './model.ts';

type Row = {
  provider: string;
  model: string;
  version: number;
  effective_from: Date;
  price: OverridePrice | null;
  created_by: string;
  created_at: Date;
};
const COLUMNS = 'provider, model, version, effective_from, price, created_by, created_at';

const ofOrganization = statement<Row>(
  'prices.of_organization',
  `select ${COLUMNS} from price_overrides where org_id = $1 order by provider, model, version`,
);
const ofModel = statement<Row>(
  'prices.of_model',
  `select ${COLUMNS} from price_overrides where org_id = $1 and provider = $2 and model = $3 order by version`,
);
const page = statement<Row>(
  'prices.page',
  `select distinct on (provider, model) ${COLUMNS} from price_overrides
   where org_id = $1 and ($2::text is null or (provider, model) > ($2, $3))
   order by provider, model, version desc limit $4`,
);
const count = statement<{ overrides: number }>(
  'prices.count',
  'select count(*) as overrides from price_overrides where org_id = $1',
);
const insert = statement<Row>(
  'prices.insert',
  `insert into price_overrides (org_id, provider, model, version, effective_from, price, created_by)
   values ($1, $2, $3, $4, $5, $6, $7) returning ${COLUMNS}`,
);

/** All steps of all models of an organization. */
export async function findOverrides(tx: Tx, orgId: string): Promise<Override[]> {
  return (await tx.query(ofOrganization, [orgId])).map(toOverride);
}

export type ModelName = { orgId: string; provider: string; model: string };

/** The steps of one model, the first one first. */
export async function findModelOverrides(tx: Tx, { orgId, provider, model }: ModelName): Promise<Override[]> {
  return (await tx.query(ofModel, [orgId, provider, model])).map(toOverride);
}

/** The last step of each model, by name. */
export async function listOverrides(
  tx: Tx,
  { orgId, after, limit }: { orgId: string; after: { provider: string; model: string } | null; limit: number },
): Promise<Override[]> {
  return (await tx.query(page, [orgId, after?.provider ?? null, after?.model ?? null, limit])).map(toOverride);
}

export async function countOverrides(tx: Tx, orgId: string): Promise<number> {
  return (await tx.query(count, [orgId]))[0]?.overrides ?? 0;
}

export async function insertOverride(
  tx: Tx,
  { orgId, ...of }: { orgId: string } & Omit<Override, 'createdAt'>,
): Promise<Override> {
  const price = of.price === null ? null : JSON.stringify(of.price);
  const values = [orgId, of.provider, of.model, of.version, of.effectiveFrom, price, of.createdBy];
  const [row] = await tx.query(insert, values);
  return toOverride(row as Row);
}

const toOverride = (row: Row): Override => ({
  provider: row.provider,
  model: row.model,
  version: row.version,
  effectiveFrom: row.effective_from,
  price: row.price,
  createdBy: row.created_by,
  createdAt: row.created_at,
});
