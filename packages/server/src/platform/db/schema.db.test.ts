import { expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';

const db = testDatabase();

test('every foreign key has an index to follow it by', async () => {
  const { rows } = await db.owner.query(`
    select k.conrelid::regclass::text as table, k.conname as constraint
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace
    where k.contype = 'f' and n.nspname = 'public' and not exists (
      select 1 from pg_index i
      where i.indrelid = k.conrelid and (i.indkey::smallint[])[0 : cardinality(k.conkey) - 1] @> k.conkey
    )`);
  expect(rows).toEqual([]);
});

test('the roles that serve own nothing and cannot get round row security', async () => {
  const { rows } = await db.owner.query(`
    select r.rolname, r.rolsuper, r.rolbypassrls, r.rolcanlogin,
      (select count(*)::integer from pg_class c where c.relowner = r.oid) as owned
    from pg_roles r where r.rolname in ('assay_app', 'assay_system') order by 1`);
  expect(rows).toEqual([
    { rolname: 'assay_app', rolsuper: false, rolbypassrls: false, rolcanlogin: false, owned: 0 },
    { rolname: 'assay_system', rolsuper: false, rolbypassrls: false, rolcanlogin: false, owned: 0 },
  ]);
});

test('the audit log can be added to, and neither changed nor cut, by the roles that serve', async () => {
  for (const command of [
    'update audit_entries set action = action',
    'update audit_entries set leaf_hash = leaf_hash',
    'delete from audit_entries',
    'truncate audit_entries',
    'delete from audit_trees',
    'delete from audit_tiles',
    'update audit_leaves set action = action',
    'truncate audit_leaves',
  ]) {
    await expect(db.owner.query(command)).rejects.toThrow(/permission denied/);
  }
});

test('who serves requests adds to the audit log, and takes nothing out of it', async () => {
  for (const name of ['audit_leaves', 'audit_entries', 'audit_trees', 'audit_tiles', 'audit_anchors']) {
    const { rows } = await db.owner.query(
      `select p as privilege from unnest(array['insert', 'select', 'update', 'delete', 'truncate']) p
       where has_table_privilege('assay_app', $1, p) or (p = 'update' and has_any_column_privilege('assay_app', $1, p))`,
      [name],
    );
    const granted = rows.map(({ privilege }) => privilege);
    expect([name, granted]).toEqual([name, name === 'audit_leaves' ? ['insert', 'select'] : ['select']]);
  }
});
