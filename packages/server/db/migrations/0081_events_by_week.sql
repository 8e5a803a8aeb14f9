-- migration: expand
-- Events by weeks: `assay_make_event_partition` makes one ahead, `assay_drop_events_before` drops those whose retention is
-- over. What falls into no week that is there lies in events_default, so an act never fails for want of a partition.
-- Whoever writes events says nothing of this: `insert into events (org_id, type, subject, data)`.
alter table events rename to events_earlier;
alter table events_earlier drop constraint events__pk;
drop index events__by_organization;
drop index events__age;
alter index events__order rename to events_earlier__order;
alter index events__by_subject rename to events_earlier__by_subject;

-- Not an identity: before PostgreSQL 17 a table with partitions has none.
create sequence events__id;
grant usage on sequence events__id to assay_app, assay_system;
create table events (
  org_id uuid not null,
  id bigint not null default nextval('events__id'),
  xid xid8 not null default pg_current_xact_id(),
  occurred_at timestamptz not null default now(),
  type text not null,
  subject text not null,
  data jsonb not null,
  -- In the order in which an organization's events are read; the time is there because it decides on the partition.
  constraint events__pk primary key (org_id, xid, id, occurred_at)
) partition by range (occurred_at);
create index events__order on events (xid, id);
create index events__by_subject on events (org_id, subject, xid, id);
select assay_secure_tenant_table('events');
grant select, insert on events to assay_app;
grant select, insert, delete on events to assay_system;

-- Rights are those of `events`: the roles that serve reach no partition by its own name. Row security is not forced on
-- partitions, so that the owner can look into the one that it drops.
create table events_default partition of events default;
alter table events_default enable row level security;

-- The newest event that retention has dropped. Who was here before it may have missed something.
create table event_floor (
  is_only boolean not null default true,
  xid xid8 not null,
  id bigint not null,
  constraint event_floor__pk primary key (is_only),
  constraint event_floor__is_only check (is_only)
);
insert into event_floor (xid, id) values ('0', 0);
grant select on event_floor to assay_app, assay_system;

-- The events of an installation that has some become the partition of all weeks up to the last of them.
do $$
declare
  until timestamptz;
begin
  perform setval('events__id', last_value) from events_id_seq;
  select date_trunc('week', greatest(now(), max(occurred_at)), 'UTC') + interval '1 week' into until from events_earlier
  having count(*) > 0;
  if until is null then
    drop table events_earlier;
    return;
  end if;
  revoke all on events_earlier from assay_app, assay_system;
  drop policy tenant on events_earlier;
  drop policy system on events_earlier;
  alter table events_earlier no force row level security;
  alter table events_earlier alter column id drop identity;
  alter table events_earlier add constraint events_earlier__pk primary key (org_id, xid, id, occurred_at);
  execute format('alter table events attach partition events_earlier for values from (minvalue) to (%L)', until);
  execute format('alter table events_earlier rename to %I', 'events_before_' || to_char(until at time zone 'UTC', 'YYYYMMDD'));
end
$$;

-- Makes the partition of the week that a day is in, unless it is there. The roles that serve own nothing, so it runs as the
-- owner; it takes a day and nothing else, so that is all they can make.
create function assay_make_event_partition(day date) returns void language plpgsql security definer
set search_path from current set lock_timeout = '1s' as $$
declare
  first date := date_trunc('week', day::timestamp);
  name text := 'events_' || to_char(first, 'YYYYMMDD');
  since timestamptz := first::timestamp at time zone 'UTC';
  until timestamptz := (first + 7)::timestamp at time zone 'UTC';
begin
  -- Two processes at once: the second one waits, and finds it there. By a query: what it waited for may not have reached
  -- the names that its session remembers.
  perform pg_advisory_xact_lock(hashtext('assay_make_event_partition'));
  if exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events'::regclass and (
      c.relname = name
      or (c.relname ~ '^events_before_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') > first))
  ) then return; end if;
  execute format('create table %I (like events including defaults)', name);
  execute format('alter table %I enable row level security', name);
  -- What was written while nobody made the week. Nothing falls into the default between here and the attachment.
  lock table events_default in access exclusive mode;
  execute format(
    'with moved as (delete from events_default where occurred_at >= $1 and occurred_at < $2 returning *)
     insert into %I select * from moved', name) using since, until;
  -- Attaching lets reads and writes of other weeks go on; `create table … partition of` does not.
  execute format('alter table events attach partition %I for values from (%L) to (%L)', name, since, until);
end
$$;
revoke execute on function assay_make_event_partition(date) from public;
grant execute on function assay_make_event_partition(date) to assay_system;

-- Drops the partitions that end before a day, and notes the newest event that goes with them; says how many went. The newest
-- that it may drop is from yesterday, whoever asks. A lock that it cannot have soon is given up: everybody would queue
-- behind it.
create function assay_drop_events_before(day date) returns integer language plpgsql security definer
set search_path from current set lock_timeout = '1s' as $$
declare
  last_day date := least(day, (now() at time zone 'UTC')::date - 1);
  before timestamptz := last_day::timestamp at time zone 'UTC';
  name text;
  dropped integer := 0;
begin
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events'::regclass and (
      (c.relname ~ '^events_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') + 7 <= last_day)
      or (c.relname ~ '^events_before_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') <= last_day))
    order by right(c.relname, 8)
  loop
    execute format(
      'update event_floor f set xid = e.xid, id = e.id from (select xid, id from %I order by xid desc, id desc limit 1) e
       where (e.xid, e.id) > (f.xid, f.id)', name);
    execute format('drop table %I', name);
    dropped := dropped + 1;
  end loop;
  update event_floor f set xid = e.xid, id = e.id
  from (select xid, id from events_default where occurred_at < before order by xid desc, id desc limit 1) e
  where (e.xid, e.id) > (f.xid, f.id);
  delete from events_default where occurred_at < before;
  return dropped;
end
$$;
revoke execute on function assay_drop_events_before(date) from public;
grant execute on function assay_drop_events_before(date) to assay_system;
