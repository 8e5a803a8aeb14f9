-- migration: expand
-- Runs of workflows by the clock. A schedule acts as whoever made it, or last changed or resumed it.
create table workflow_schedules (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  workflow_name text not null,
  -- Null: the newest version at each firing.
  workflow_version integer,
  cron text not null,
  time_zone text not null,
  overlap text not null,
  catch_up text not null,
  input jsonb not null,
  priority integer not null,
  is_started boolean not null,
  -- When it fires next; null while it is paused.
  due_at timestamptz,
  paused_at timestamptz,
  paused_reason text,
  acts_as_kind text not null,
  acts_as_id text not null,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_schedules__pk primary key (org_id, id),
  constraint workflow_schedules__name unique (org_id, name),
  constraint workflow_schedules__org_id foreign key (org_id) references organizations (id),
  constraint workflow_schedules__overlap check (overlap in ('skip', 'queue', 'allow')),
  constraint workflow_schedules__catch_up check (catch_up in ('skip', 'latest', 'all')),
  constraint workflow_schedules__paused check
    ((due_at is null) = (paused_at is not null) and (paused_reason is null) = (paused_at is null))
);
create index workflow_schedules__list on workflow_schedules (org_id, created_at desc, id desc);
create index workflow_schedules__due on workflow_schedules (due_at) where due_at is not null;
select assay_secure_tenant_table('workflow_schedules');
grant select, insert, update, delete on workflow_schedules to assay_app;
grant select, insert, update, delete on workflow_schedules to assay_system;

-- What came of each time that a schedule fired: one row, however many workers there are.
create table workflow_schedule_firings (
  org_id uuid not null,
  schedule_id uuid not null,
  scheduled_for timestamptz not null,
  outcome text not null,
  run_id uuid,
  error jsonb,
  fired_at timestamptz not null default now(),
  constraint workflow_schedule_firings__pk primary key (org_id, schedule_id, scheduled_for),
  constraint workflow_schedule_firings__schedule foreign key (org_id, schedule_id)
    references workflow_schedules (org_id, id) on delete cascade,
  constraint workflow_schedule_firings__outcome check (outcome in ('started', 'waiting', 'skipped', 'failed')),
  constraint workflow_schedule_firings__run check ((outcome = 'started') = (run_id is not null))
);
create index workflow_schedule_firings__waiting on workflow_schedule_firings (org_id, schedule_id, scheduled_for)
  where outcome = 'waiting';
create index workflow_schedule_firings__age on workflow_schedule_firings (fired_at);
select assay_secure_tenant_table('workflow_schedule_firings');
grant select, insert, update on workflow_schedule_firings to assay_app;
grant select, insert, update, delete on workflow_schedule_firings to assay_system;

-- The schedule that a run was made by.
alter table workflow_runs add column schedule_id uuid;
create index workflow_runs__schedule on workflow_runs (org_id, schedule_id)
  where schedule_id is not null and completed_at is null;
