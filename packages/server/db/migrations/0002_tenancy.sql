-- migration: expand
create table organizations (
  id uuid not null,
  name text not null,
  slug text not null,
  posture text not null default 'active',
  trial_ends_at timestamptz,
  -- Grows with each change, for `ETag`.
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- A deleted organization can be restored until `erase_after`. What is erased leaves this row, for its audit log.
  deleted_at timestamptz,
  erase_after timestamptz,
  erased_at timestamptz,
  constraint organizations__pk primary key (id),
  constraint organizations__slug unique (slug),
  constraint organizations__posture check (posture in ('active', 'trial', 'past_due', 'decommissioning')),
  constraint organizations__deleted check ((deleted_at is null) = (erase_after is null))
);
create index organizations__deleted on organizations (erase_after) where deleted_at is not null and erased_at is null;
alter table organizations enable row level security;
alter table organizations force row level security;
create policy tenant on organizations for all to assay_app
  using (id = current_setting('assay.org_id')::uuid) with check (id = current_setting('assay.org_id')::uuid);
create policy system on organizations for all to assay_system using (true) with check (true);
-- Changes to who may do what lock this row, so that they happen one after the other.
grant select, update (name, slug, version, updated_at) on organizations to assay_app;
grant select, insert, update, delete on organizations to assay_system;

-- People exist once, whatever organizations they belong to; only the system handle reads what signs them in.
-- People sign in; a service account never does, and acts through API keys that it bounds.
create table users (
  id uuid not null,
  kind text not null default 'person',
  email text not null,
  name text not null,
  description text not null default '',
  password_hash text,
  -- Grows with each change of a service account, for `ETag`.
  version integer not null default 1,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  constraint users__pk primary key (id),
  constraint users__kind check (kind in ('person', 'service')),
  constraint users__email_lower check (email = lower(email))
);
create unique index users__email on users (email);

-- Sets of scopes that an organization names itself. A member who has one holds its scopes instead of those of the
-- ladder; the ladder role still says whom the member may manage.
create table custom_roles (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  description text not null default '',
  scopes text[] not null,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint custom_roles__pk primary key (org_id, id),
  constraint custom_roles__name unique (org_id, name),
  constraint custom_roles__org_id foreign key (org_id) references organizations (id)
);
select assay_secure_tenant_table('custom_roles');
grant select, insert, update, delete on custom_roles to assay_app, assay_system;

create table memberships (
  org_id uuid not null,
  user_id uuid not null,
  role text not null,
  custom_role_id uuid,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  constraint memberships__pk primary key (org_id, user_id),
  constraint memberships__org_id foreign key (org_id) references organizations (id),
  constraint memberships__user_id foreign key (user_id) references users (id),
  constraint memberships__custom_role foreign key (org_id, custom_role_id) references custom_roles (org_id, id),
  constraint memberships__role check (role in ('viewer', 'developer', 'operator', 'admin', 'owner')),
  -- An owner who holds less than all could leave an organization that nobody can govern.
  constraint memberships__owner check (role <> 'owner' or custom_role_id is null)
);
create index memberships__list on memberships (org_id, created_at desc, user_id desc);
create index memberships__user on memberships (user_id);
create index memberships__custom_role on memberships (org_id, custom_role_id);
select assay_secure_tenant_table('memberships');
grant select, insert, update, delete on memberships to assay_app, assay_system;

-- An organization sees the people in it, and nothing of what signs them in.
alter table users enable row level security;
alter table users force row level security;
create policy member on users for select to assay_app
  using (exists (select 1 from memberships m where m.user_id = users.id));
create policy system on users for all to assay_system using (true) with check (true);
-- A service account belongs to the organization that makes it.
create policy service_made on users for insert to assay_app with check (kind = 'service');
create policy service_changed on users for update to assay_app
  using (kind = 'service' and exists (select 1 from memberships m where m.user_id = users.id))
  with check (kind = 'service');
grant select (id, kind, email, name, description, version, created_at, disabled_at) on users to assay_app;
grant insert (id, kind, email, name, description), update (name, description, version, disabled_at) on users to assay_app;
grant select, insert, update, delete on users to assay_system;

-- Who governs the installation itself. Not a role in an organization, and no access to what is in one.
create table platform_grants (
  principal_kind text not null,
  principal_id uuid not null,
  granted_by text not null,
  granted_at timestamptz not null default now(),
  constraint platform_grants__pk primary key (principal_kind, principal_id),
  constraint platform_grants__principal_kind check (principal_kind in ('user', 'api_key'))
);
grant select, insert, delete on platform_grants to assay_system;
