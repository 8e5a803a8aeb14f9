-- migration: expand
-- Where an organization's model calls go. The built-in providers, echo and replay, have no row.
create table providers (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  display_name text not null,
  kind text not null,
  -- Null: where the vendor is.
  base_url text,
  -- The key that the provider knows us by, sealed; its last characters, to tell keys apart.
  key_version integer,
  sealed_key bytea,
  key_hint text,
  default_model text,
  -- Models that callers may ask for: [{id, alias, tier, weight, max_output_tokens, capabilities}]; empty: the vendor's own names.
  models jsonb not null default '[]',
  config jsonb not null default '{}',
  version integer not null default 1,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  archived_at timestamptz,
  constraint providers__pk primary key (org_id, id),
  constraint providers__name unique (org_id, name),
  constraint providers__org_id foreign key (org_id) references organizations (id),
  constraint providers__kind check
    (kind in ('anthropic', 'openai', 'gemini', 'azure-openai', 'vertex', 'openai-compatible', 'ollama')),
  constraint providers__key check ((sealed_key is null) = (key_version is null))
);
select assay_secure_tenant_table('providers');
grant select, insert, update, delete on providers to assay_app, assay_system;
