-- migration: expand
create table api_keys (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  -- SHA-256 of the whole key. A key carries 190 random bits, so a slow hash would protect nothing.
  hash bytea not null,
  prefix text not null,
  last_four text not null,
  scopes text[] not null,
  -- The person whose rights bound the key's; null for the bootstrap key, which is bounded by the owner role.
  created_by uuid,
  -- False only for a key given by configuration that lacks our checksum.
  is_checksummed boolean not null default true,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  disabled_at timestamptz,
  revoked_at timestamptz,
  constraint api_keys__pk primary key (org_id, id),
  constraint api_keys__hash unique (hash),
  constraint api_keys__org_id foreign key (org_id) references organizations (id),
  constraint api_keys__created_by foreign key (created_by) references users (id)
);
create index api_keys__created_by on api_keys (created_by);
select assay_secure_tenant_table('api_keys');
grant select, insert, update on api_keys to assay_app, assay_system;

-- One row per refresh token; a family is a login. A token used twice revokes its family.
create table refresh_tokens (
  id uuid not null,
  family_id uuid not null,
  user_id uuid not null,
  hash bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  revoked_at timestamptz,
  constraint refresh_tokens__pk primary key (id),
  constraint refresh_tokens__hash unique (hash),
  constraint refresh_tokens__user_id foreign key (user_id) references users (id)
);
create index refresh_tokens__family on refresh_tokens (family_id);
create index refresh_tokens__user on refresh_tokens (user_id);
grant select, insert, update, delete on refresh_tokens to assay_system;

-- Private halves are sealed with the master key.
create table signing_keys (
  id text not null,
  purpose text not null,
  public_jwk jsonb not null,
  sealed_private bytea not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  constraint signing_keys__pk primary key (id),
  constraint signing_keys__purpose check (purpose in ('access_token'))
);
create unique index signing_keys__active on signing_keys (purpose) where retired_at is null;
grant select, insert, update on signing_keys to assay_system;
