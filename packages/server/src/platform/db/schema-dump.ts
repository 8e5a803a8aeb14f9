import type pg from 'pg';

/*
 * The schema as text, from PostgreSQL's own catalogues (the embedded server ships no pg_dump). It is what a reviewer
 * reads in a diff and what proves that an upgraded database equals a fresh one; it is not meant to be executed. Partitions
 * are no part of it: which there are is a matter of data and time.
 */

const TABLES = `
select c.relname as name, c.relrowsecurity as secured, c.relforcerowsecurity as forced
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`;

const COLUMNS = `
select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
  a.attidentity as identity, a.attgenerated as generated, pg_get_expr(d.adbin, d.adrelid) as default
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where n.nspname = 'public' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by 1, 2`;

const CONSTRAINTS = `
select c.relname as table, k.conname as name, pg_get_constraintdef(k.oid) as definition
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and k.contype <> 'n' order by 1, 2`;

const INDEXES = `
select tablename as table, indexname as name, indexdef as definition from pg_indexes where schemaname = 'public' order by 1, 2`;

const POLICIES = `
select tablename as table, policyname as name, roles::text as roles, cmd as command, qual as using, with_check as check
from pg_policies where schemaname = 'public' order by 1, 2`;

const GRANTS = `
select table_name as table, grantee, string_agg(privilege_type, ', ' order by privilege_type) as privileges
from information_schema.role_table_grants where table_schema = 'public' and grantee like 'assay\\_%'
group by 1, 2 order by 1, 2`;

const TRIGGERS = `
select c.relname as table, t.tgname as name, pg_get_triggerdef(t.oid) as definition
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and not t.tgisinternal order by 1, 2`;

const FUNCTIONS = `
select pg_get_functiondef(p.oid) as definition from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'public' order by p.proname`;

type Row = Record<string, string | boolean | null>;

/** Writes the schema of the connected database. Equal databases give equal text. */
export async function dumpSchema(client: pg.ClientBase): Promise<string> {
  const of = async (sql: string): Promise<Row[]> => (await client.query<Row>(sql)).rows;
  const tables = await of(TABLES);
  const [columns, constraints, indexes, policies, grants, triggers, functions] = [
    await of(COLUMNS),
    await of(CONSTRAINTS),
    await of(INDEXES),
    await of(POLICIES),
    await of(GRANTS),
    await of(TRIGGERS),
    await of(FUNCTIONS),
  ];
  const parts = tables.map((table) => {
    const mine = (rows: Row[]): Row[] => rows.filter((row) => row['table'] === table['name']);
    return [
      `table ${table['name']}${table['secured'] ? ' · row security' : ''}${table['forced'] ? ' forced' : ''}`,
      ...mine(columns).map(columnLine),
      ...mine(constraints).map((row) => `  constraint ${row['name']} ${row['definition']}`),
      ...mine(indexes).map((row) => `  ${row['definition']}`),
      ...mine(policies).map(
        (row) =>
          `  policy ${row['name']} ${row['command']} to ${row['roles']} using ${row['using']} check ${row['check']}`,
      ),
      ...mine(triggers).map((row) => `  ${row['definition']}`),
      ...mine(grants).map((row) => `  grant ${row['privileges']} to ${row['grantee']}`),
    ].join('\n');
  });
  return `${[...parts, ...functions.map((row) => String(row['definition']).trim())].join('\n\n')}\n`;
}

function columnLine(row: Row): string {
  const identity = row['identity'] === 'a' ? ' generated always as identity' : '';
  const fallback =
    row['default'] === null
      ? ''
      : row['generated'] === 's'
        ? ` generated as (${row['default']})`
        : ` default ${row['default']}`;
  return `  ${row['name']} ${row['type']}${row['required'] ? ' not null' : ''}${identity}${fallback}`;
}
