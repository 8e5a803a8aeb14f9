-- migration: expand
-- Which calls to models an organization keeps, and for how long. Without a row: none.
create table capture_policies (
  org_id uuid not null,
  is_on boolean not null,
  retention_days integer not null,
  -- Names of built-in redactors, and patterns of the organization's own: [{name, pattern}].
  redactors text[] not null,
  patterns jsonb not null,
  -- Only calls by these keys, or attributed to these teams; both empty: all.
  api_key_ids text[] not null,
  team_ids text[] not null,
  version integer not null default 1,
  updated_by text not null,
  updated_at timestamptz not null default now(),
  constraint capture_policies__pk primary key (org_id),
  constraint capture_policies__org_id foreign key (org_id) references organizations (id),
  constraint capture_policies__retention check (retention_days between 1 and 3650)
);
select assay_secure_tenant_table('capture_policies');
grant select, insert, update, delete on capture_policies to assay_app, assay_system;

-- What was asked of a model and answered, sealed; `id` is that of the call's usage record.
create table captures (
  org_id uuid not null,
  id uuid not null,
  -- When the call was admitted.
  at timestamptz(3) not null,
  operation text not null,
  provider text not null,
  model text not null,
  outcome text not null,
  failure text,
  principal_kind text not null,
  principal_id text not null,
  api_key_id text,
  team_id text,
  request_id text,
  response_id text,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_micros bigint,
  redactions integer not null,
  is_truncated boolean not null,
  -- Of the content before it was compressed and sealed.
  size_bytes integer not null,
  key_version integer not null,
  sealed bytea not null,
  constraint captures__pk primary key (org_id, id),
  constraint captures__org_id foreign key (org_id) references organizations (id),
  constraint captures__outcome check (outcome in ('completed', 'cancelled', 'failed'))
);
create index captures__list on captures (org_id, at desc, id desc);
create index captures__key on captures (org_id, key_version);
select assay_secure_tenant_table('captures');
grant select, insert, update, delete on captures to assay_app, assay_system;
