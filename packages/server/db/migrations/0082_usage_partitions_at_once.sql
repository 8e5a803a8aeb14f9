-- migration: expand
-- Of two processes that make the same month of usage records at once, the second one finds it there. It asks by a query: the
-- names that its session remembers may be those of before it waited.
create or replace function assay_make_usage_partition(month date) returns void language plpgsql security definer
set search_path from current as $$
declare
  first date := date_trunc('month', month);
  name text := 'usage_records_' || to_char(first, 'YYYY_MM');
begin
  perform pg_advisory_xact_lock(hashtext('assay_make_usage_partition'));
  if exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'usage_records'::regclass and c.relname = name
  ) then return; end if;
  execute format('create table %I (like usage_records including defaults including constraints)', name);
  -- Attaching lets reads and writes of the other months go on; `create table … partition of` does not.
  execute format(
    'alter table usage_records attach partition %I for values from (%L) to (%L)',
    name, first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00');
  -- Rights are those of usage_records, and so is row security: nobody who serves may reach a partition by its own name.
  execute format('alter table %I enable row level security', name);
  execute format('alter table %I force row level security', name);
end
$$;
