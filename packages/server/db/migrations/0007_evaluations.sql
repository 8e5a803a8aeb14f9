-- migration: expand
create table evaluations (
  org_id uuid not null,
  id text not null,
  seq bigint generated always as identity,
  state text not null default 'queued',
  priority integer not null default 0,
  batch_id uuid,
  retry_of text,
  language text not null,
  -- What the caller asked for, and the engine that was chosen to serve it.
  engine_asked text not null,
  engine text not null,
  -- Engine and language as one word: a runner claims by the words it can serve.
  requirement text not null generated always as (engine || '/' || language) stored,
  code text not null,
  code_preview text not null,
  stdin text not null default '',
  args text[] not null default '{}',
  env jsonb not null default '{}',
  files jsonb not null default '[]',
  outputs text[] not null default '{}',
  limits jsonb not null,
  metadata jsonb not null default '{}',
  created_by_kind text not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  -- Past this moment it fails instead of waiting on.
  queue_deadline timestamptz not null,
  started_at timestamptz,
  completed_at timestamptz,
  attempt integer not null default 0,
  fence bigint not null default 0,
  runner_id uuid,
  lease_expires_at timestamptz,
  cancel_requested_at timestamptz,
  cancel_reason text,
  reason text,
  message text,
  exit_code integer,
  signal text,
  output text not null default '',
  error text not null default '',
  output_truncated boolean not null default false,
  output_asset_id uuid,
  error_asset_id uuid,
  result_files jsonb not null default '[]',
  runtime_ms double precision,
  compile_ms double precision,
  cpu_ms double precision,
  memory_peak_mb double precision,
  receipt jsonb,
  dead_lettered_at timestamptz,
  constraint evaluations__pk primary key (id),
  constraint evaluations__state check (state in ('queued', 'running', 'completed', 'failed', 'timeout', 'cancelled')),
  constraint evaluations__terminal check ((completed_at is not null) = (state in ('completed', 'failed', 'timeout', 'cancelled'))),
  constraint evaluations__leased check ((lease_expires_at is not null) = (state = 'running')),
  constraint evaluations__priority check (priority >= 0 and priority <= 2000)
);
create index evaluations__queue on evaluations (org_id, priority desc, seq) include (requirement) where state = 'queued';
create index evaluations__running on evaluations (org_id, started_at desc) where state = 'running';
create index evaluations__leases on evaluations (lease_expires_at) where state = 'running';
create index evaluations__by_runner on evaluations (runner_id) where state = 'running';
create index evaluations__list on evaluations (org_id, seq desc);
create index evaluations__list_by_state on evaluations (org_id, state, seq desc);
create index evaluations__served on evaluations (org_id, started_at desc);
create index evaluations__dead on evaluations (org_id, seq desc) where dead_lettered_at is not null;
create index evaluations__age on evaluations (completed_at) where completed_at is not null;
select assay_secure_tenant_table('evaluations');
grant select, insert, update on evaluations to assay_app;
grant select, insert, update, delete on evaluations to assay_system;

-- Output of a run that is still going, piece by piece; the pieces go when the run ends and its record holds the whole.
create table evaluation_output (
  org_id uuid not null,
  evaluation_id text not null,
  stream text not null,
  position bigint not null,
  bytes bytea not null,
  constraint evaluation_output__pk primary key (evaluation_id, stream, position),
  constraint evaluation_output__evaluation foreign key (evaluation_id) references evaluations (id) on delete cascade,
  constraint evaluation_output__stream check (stream in ('stdout', 'stderr'))
);
select assay_secure_tenant_table('evaluation_output');
grant select on evaluation_output to assay_app;
grant select, insert, delete on evaluation_output to assay_system;
