-- migration: expand
-- What calls of models may do, said of the organization, of a team or of a key. All that apply to a call must allow it.
create table model_policies (
  org_id uuid not null,
  subject_kind text not null,
  subject_id uuid not null,
  -- Names, in which `*` stands for any text. Null: all; empty: none.
  providers text[],
  models text[],
  tokens_per_minute integer,
  -- The team that calls of this key belong to.
  team_id uuid,
  -- How long answers are kept for the same question; 0: not at all. Null leaves it to the next wider policy.
  cache_ttl_seconds integer,
  -- Whether answers are kept that the model would give another time in other words.
  cache_sampled boolean not null default false,
  version integer not null default 1,
  updated_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint model_policies__pk primary key (org_id, subject_kind, subject_id),
  constraint model_policies__org_id foreign key (org_id) references organizations (id),
  constraint model_policies__team foreign key (org_id, team_id) references teams (org_id, id) on delete set null (team_id),
  constraint model_policies__subject_kind check (subject_kind in ('organization', 'team', 'api_key')),
  constraint model_policies__team_of_key check (team_id is null or subject_kind = 'api_key'),
  constraint model_policies__tokens check (tokens_per_minute > 0),
  constraint model_policies__ttl check (cache_ttl_seconds >= 0)
);
create index model_policies__team on model_policies (org_id, team_id) where team_id is not null;
select assay_secure_tenant_table('model_policies');
grant select, insert, update, delete on model_policies to assay_app, assay_system;
