-- migration: expand
-- What was billed, one row per billable fact: `id` is that of its reservation, so a retry finds it taken. A month is a
-- partition; `assay_make_usage_partitions` makes them ahead, `assay_drop_usage_before` drops them whole.
create table usage_records (
  org_id uuid not null,
  id uuid not null,
  -- When it was admitted: the moment that decides on its budget periods, too.
  at timestamptz(3) not null,
  settled_at timestamptz not null default now(),
  team_id text,
  project_id text,
  principal_kind text not null,
  principal_id text not null,
  api_key_id text,
  agent_id text,
  work_type text,
  work_id text,
  provider text not null,
  model text not null,
  price_version text not null,
  outcome text not null,
  -- Settled from the last progress that was known, because the process that held it did not come back.
  is_estimated boolean not null default false,
  is_batch boolean not null default false,
  cost_micros bigint not null,
  -- What the provider reported beyond the reservation. It is not billed.
  overrun_micros bigint not null default 0,
  input_tokens bigint not null default 0,
  cache_read_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  image_tokens bigint not null default 0,
  audio_tokens bigint not null default 0,
  tags jsonb not null default '{}',
  request_id text,
  constraint usage_records__pk primary key (org_id, id, at),
  constraint usage_records__outcome check (outcome in ('completed', 'cancelled', 'failed', 'lost')),
  constraint usage_records__cost check (cost_micros >= 0 and overrun_micros >= 0)
) partition by range (at);
create index usage_records__list on usage_records (org_id, at desc, id desc);
create index usage_records__principal on usage_records (org_id, principal_id, at desc, id desc);
create index usage_records__work on usage_records (org_id, work_id, at desc, id desc) where work_id is not null;
select assay_secure_tenant_table('usage_records');
grant select on usage_records to assay_app;
grant select, insert, delete on usage_records to assay_system;

-- Sums of usage_records by hour and dimension, written in the same transaction: they agree at every moment.
create table usage_rollups (
  org_id uuid not null,
  hour timestamptz not null,
  -- Digest of the dimensions.
  bucket uuid not null,
  team_id text,
  project_id text,
  principal_kind text not null,
  principal_id text not null,
  api_key_id text,
  agent_id text,
  work_type text,
  provider text not null,
  model text not null,
  records bigint not null,
  cost_micros bigint not null,
  overrun_micros bigint not null,
  input_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  reasoning_tokens bigint not null,
  image_tokens bigint not null,
  audio_tokens bigint not null,
  constraint usage_rollups__pk primary key (org_id, hour, bucket)
);
alter table usage_rollups set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
create index usage_rollups__principal on usage_rollups (org_id, principal_id, hour);
select assay_secure_tenant_table('usage_rollups');
grant select on usage_rollups to assay_app;
grant select, insert, update, delete on usage_rollups to assay_system;

-- Makes the partition of a month unless it is there. The roles that serve own nothing, so it runs as the owner; it takes
-- a month and nothing else, so that is all they can make.
create function assay_make_usage_partition(month date) returns void language plpgsql security definer
set search_path from current as $$
declare
  first date := date_trunc('month', month);
  name text := 'usage_records_' || to_char(first, 'YYYY_MM');
begin
  if to_regclass(name) is not null then return; end if;
  -- Two processes at once: the second one waits, and finds it there.
  perform pg_advisory_xact_lock(hashtext('assay_make_usage_partition'));
  if to_regclass(name) is not null then return; end if;
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
revoke execute on function assay_make_usage_partition(date) from public;
grant execute on function assay_make_usage_partition(date) to assay_system;

-- Drops the partitions that end before a day. The newest that it may drop is three months old, whoever asks.
create function assay_drop_usage_before(day date) returns integer language plpgsql security definer
set search_path from current as $$
declare
  name text;
  dropped integer := 0;
begin
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'usage_records'::regclass and c.relname ~ '^usage_records_\d{4}_\d{2}$'
      and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= least(day, current_date - 90)
    order by 1
  loop
    execute format('drop table %I', name);
    dropped := dropped + 1;
  end loop;
  return dropped;
end
$$;
revoke execute on function assay_drop_usage_before(date) from public;
grant execute on function assay_drop_usage_before(date) to assay_system;
