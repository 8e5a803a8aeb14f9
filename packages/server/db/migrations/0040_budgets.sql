-- migration: expand
-- Caps on spending. Money is integer micro-dollars throughout.
create table budgets (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  -- What it holds: the whole organization, or the team, project, key or agent of this id.
  scope_kind text not null,
  scope_id text not null,
  period text not null,
  limit_micros bigint not null,
  -- Percentages of the limit that are told of when they are reached, once a period each.
  thresholds integer[] not null default '{}',
  created_by text not null,
  -- Grows with each change, for `ETag`.
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint budgets__pk primary key (org_id, id),
  constraint budgets__scope unique (org_id, scope_kind, scope_id, period),
  constraint budgets__org_id foreign key (org_id) references organizations (id),
  constraint budgets__scope_kind check (scope_kind in ('organization', 'team', 'project', 'key', 'agent')),
  constraint budgets__period check (period in ('day', 'week', 'month', 'total')),
  constraint budgets__limit check (limit_micros between 0 and 1000000000000000)
);
create index budgets__list on budgets (org_id, created_at desc, id desc);
select assay_secure_tenant_table('budgets');
grant select, insert, update, delete on budgets to assay_app, assay_system;

-- When the period that a moment falls into began, in UTC; weeks begin on Monday. A total has one period, without end.
create function assay_period_start(period text, at timestamptz) returns timestamptz language sql stable parallel safe as $$
  select case period when 'total' then timestamptz 'epoch' else date_trunc(period, at, 'UTC') end
$$;

-- One row per budget and period, made when it is first needed. Whoever changes one locks it first, in the order of the
-- primary key.
create table budget_counters (
  org_id uuid not null,
  budget_id uuid not null,
  period_start timestamptz not null,
  -- What admission holds to. It is here and not read from the budget, because it must be as new as the lock.
  limit_micros bigint not null,
  -- The promise: above the limit only where the limit was lowered below what was spent and reserved already. Nothing
  -- raises it but a raised limit.
  ceiling_micros bigint not null,
  spent_micros bigint not null default 0,
  reserved_micros bigint not null default 0,
  -- What has been told of in this period.
  told_percent integer not null default 0,
  told_exceeded boolean not null default false,
  constraint budget_counters__pk primary key (org_id, budget_id, period_start),
  constraint budget_counters__budget foreign key (org_id, budget_id) references budgets (org_id, id) on delete cascade,
  constraint budget_counters__spent check (spent_micros >= 0),
  constraint budget_counters__reserved check (reserved_micros >= 0),
  constraint budget_counters__ceiling check (ceiling_micros >= limit_micros),
  constraint budget_counters__held check (spent_micros + reserved_micros <= ceiling_micros)
);
-- Some rows change a hundred times a second: room on the page for the next version, and no index to keep.
alter table budget_counters set (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
select assay_secure_tenant_table('budget_counters');
grant select, insert, update, delete on budget_counters to assay_app, assay_system;

-- Money that is set aside for calls under way. A row goes when its call is settled or released; one whose lease ran out
-- belongs to a process that is gone.
create table reservations (
  org_id uuid not null,
  id uuid not null,
  -- The run of the process that holds it, by the name of its journal.
  node_id uuid not null,
  -- To whom and what it will be billed.
  claims jsonb not null,
  amount_micros bigint not null,
  progress_micros bigint not null default 0,
  progress_tokens jsonb not null default '{}',
  -- The counters that it is part of, `[[budget_id, period_start], …]`.
  held jsonb not null,
  -- To the millisecond, as the program can say it: part of the key of the usage record.
  reserved_at timestamptz(3) not null,
  lease_expires_at timestamptz not null,
  constraint reservations__pk primary key (org_id, id),
  constraint reservations__amount check (amount_micros >= 0),
  constraint reservations__progress check (progress_micros between 0 and amount_micros)
);
create index reservations__leases on reservations (lease_expires_at);
create index reservations__node on reservations (node_id);
alter table reservations set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
select assay_secure_tenant_table('reservations');
grant select on reservations to assay_app;
grant select, insert, update, delete on reservations to assay_system;
