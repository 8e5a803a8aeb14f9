-- migration: expand
-- Workflows: definitions, and runs of them. A version of a definition never changes.
create table workflow_definitions (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  version integer not null,
  description text not null,
  nodes jsonb not null,
  -- What the input of a run must fit; null takes any object.
  input_schema jsonb,
  timeout_ms bigint,
  created_by text not null,
  created_at timestamptz not null default now(),
  archived_at timestamptz,
  constraint workflow_definitions__pk primary key (org_id, id),
  constraint workflow_definitions__version unique (org_id, name, version),
  constraint workflow_definitions__org_id foreign key (org_id) references organizations (id)
);
create index workflow_definitions__list on workflow_definitions (org_id, created_at desc, id desc);
select assay_secure_tenant_table('workflow_definitions');
grant select, insert, update on workflow_definitions to assay_app;
grant select, insert, update, delete on workflow_definitions to assay_system;

-- Whoever changes nodes of a run locks its row first.
create table workflow_runs (
  org_id uuid not null,
  id uuid not null,
  definition_id uuid not null,
  state text not null,
  priority integer not null default 0,
  input jsonb not null,
  -- What nodes read and write; `input` is in it from the beginning.
  context jsonb not null,
  -- Nodes that have not ended.
  nodes_left integer not null,
  -- The first failure that ended the run: {node, code, message}.
  error jsonb,
  created_by_kind text not null,
  created_by text not null,
  request_id text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  deadline_at timestamptz,
  completed_at timestamptz,
  constraint workflow_runs__pk primary key (org_id, id),
  constraint workflow_runs__definition foreign key (org_id, definition_id) references workflow_definitions (org_id, id),
  constraint workflow_runs__state check
    (state in ('created', 'queued', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  constraint workflow_runs__ended check ((completed_at is null) = (state not in ('completed', 'failed', 'cancelled'))),
  constraint workflow_runs__left check (nodes_left >= 0)
);
create index workflow_runs__list on workflow_runs (org_id, created_at desc, id desc);
create index workflow_runs__definition on workflow_runs (org_id, definition_id, created_at desc);
create index workflow_runs__deadline on workflow_runs (deadline_at) where completed_at is null and deadline_at is not null;
create index workflow_runs__unended on workflow_runs (org_id) where completed_at is null;
create index workflow_runs__age on workflow_runs (completed_at) where completed_at is not null;
alter table workflow_runs set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
select assay_secure_tenant_table('workflow_runs');
grant select, insert, update on workflow_runs to assay_app;
grant select, insert, update, delete on workflow_runs to assay_system;

-- The queue and its history in one: a row for each node, and for each item of one that runs for each of a list.
create table workflow_nodes (
  org_id uuid not null,
  run_id uuid not null,
  key text not null,
  -- -1 is the node itself; the others are items of its list.
  item integer not null default -1,
  position integer not null,
  state text not null,
  priority integer not null default 0,
  -- Dependencies that have not ended, and how many of those that have were not skipped.
  waits_for integer not null default 0,
  reached integer not null default 0,
  attempt integer not null default 0,
  -- Grows with each claim: a report under an older one has no effect.
  fence bigint not null default 0,
  -- When it may be claimed; null for what waits for somebody.
  due_at timestamptz,
  lease_expires_at timestamptz,
  -- What an attempt that waits left for the next one.
  resume jsonb,
  output jsonb,
  error jsonb,
  started_at timestamptz,
  completed_at timestamptz,
  constraint workflow_nodes__pk primary key (org_id, run_id, key, item),
  constraint workflow_nodes__run foreign key (org_id, run_id) references workflow_runs (org_id, id) on delete cascade,
  constraint workflow_nodes__state check
    (state in ('pending', 'ready', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled')),
  constraint workflow_nodes__lease check ((state = 'running') = (lease_expires_at is not null))
);
create index workflow_nodes__due on workflow_nodes (org_id, priority desc, due_at) where due_at is not null;
create index workflow_nodes__leases on workflow_nodes (lease_expires_at) where lease_expires_at is not null;
alter table workflow_nodes set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
select assay_secure_tenant_table('workflow_nodes');
grant select, insert, update on workflow_nodes to assay_app;
grant select, insert, update, delete on workflow_nodes to assay_system;
