-- migration: expand
create table api_keys (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  -- SHA-256 of the whole key. A key carries 190 random bits, so a slow hash would protect nothing.
  hash bytea not null,
  prefix text not null,
  last_four text not null,
  -- The template that it was made from, whose scopes it holds as they are at the time of use; null for a list of its own.
  permission_set text,
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
  constraint api_keys__permission_set check (permission_set in ('full_access', 'submit_observe', 'read_only')),
  constraint api_keys__org_id foreign key (org_id) references organizations (id),
  constraint api_keys__created_by foreign key (created_by) references users (id)
);
create index api_keys__created_by on api_keys (created_by);
select assay_secure_tenant_table('api_keys');
grant select, insert, update on api_keys to assay_app, assay_system;

-- One row per refresh token; a family is a login. A token used twice revokes its family.
-- A login is one sign-in of a person, by whichever means, until it ends. Its refresh tokens are one family, and it may
-- have a session in a browser.
create table logins (
  id uuid not null,
  user_id uuid not null,
  -- The organization that its access tokens stand for; null for a person who belonged to none.
  org_id uuid,
  method text not null,
  -- What signed in, as it names itself: a browser's User-Agent, a device's name.
  client text not null default '',
  address text,
  -- SHA-256 of the browser's session cookie; null for a login that has only tokens.
  session_hash bytea,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  constraint logins__pk primary key (id),
  constraint logins__session_hash unique (session_hash),
  constraint logins__user_id foreign key (user_id) references users (id) on delete cascade,
  constraint logins__org_id foreign key (org_id) references organizations (id) on delete set null,
  constraint logins__method check (method in ('password', 'sso', 'passkey', 'device', 'invitation'))
);
create index logins__user on logins (user_id, created_at desc);
create index logins__org on logins (org_id);
create index logins__age on logins (expires_at);
alter table logins enable row level security;
alter table logins force row level security;
create policy system on logins for all to assay_system using (true) with check (true);
grant select, insert, update, delete on logins to assay_system;

create table refresh_tokens (
  id uuid not null,
  login_id uuid not null,
  hash bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint refresh_tokens__pk primary key (id),
  constraint refresh_tokens__hash unique (hash),
  constraint refresh_tokens__login_id foreign key (login_id) references logins (id) on delete cascade
);
create index refresh_tokens__login on refresh_tokens (login_id);
grant select, insert, update, delete on refresh_tokens to assay_system;

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
