-- migration: expand
create table organizations (
  id uuid not null,
  name text not null,
  slug text not null,
  posture text not null default 'active',
  trial_ends_at timestamptz,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint organizations__pk primary key (id),
  constraint organizations__slug unique (slug),
  constraint organizations__posture check (posture in ('active', 'trial', 'past_due', 'decommissioning'))
);
alter table organizations enable row level security;
alter table organizations force row level security;
create policy tenant on organizations for all to assay_app
  using (id = current_setting('assay.org_id')::uuid) with check (id = current_setting('assay.org_id')::uuid);
create policy system on organizations for all to assay_system using (true) with check (true);
grant select on organizations to assay_app;
grant select, insert, update, delete on organizations to assay_system;

-- People exist once, whatever organizations they belong to; only the system handle reads them.
create table users (
  id uuid not null,
  email text not null,
  name text not null,
  password_hash text,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  constraint users__pk primary key (id),
  constraint users__email_lower check (email = lower(email))
);
create unique index users__email on users (email);
grant select, insert, update, delete on users to assay_system;

create table memberships (
  org_id uuid not null,
  user_id uuid not null,
  role text not null,
  created_at timestamptz not null default now(),
  constraint memberships__pk primary key (org_id, user_id),
  constraint memberships__org_id foreign key (org_id) references organizations (id),
  constraint memberships__user_id foreign key (user_id) references users (id),
  constraint memberships__role check (role in ('viewer', 'developer', 'operator', 'admin', 'owner'))
);
create index memberships__user on memberships (user_id);
select assay_secure_tenant_table('memberships');
grant select, insert, update, delete on memberships to assay_app, assay_system;
