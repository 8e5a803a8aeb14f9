-- migration: expand
create table teams (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  description text not null default '',
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint teams__pk primary key (org_id, id),
  constraint teams__name unique (org_id, name),
  constraint teams__org_id foreign key (org_id) references organizations (id)
);
create index teams__list on teams (org_id, created_at desc, id desc);
select assay_secure_tenant_table('teams');
grant select, insert, update, delete on teams to assay_app, assay_system;

-- Only members of the organization are in its teams: who leaves it leaves them.
create table team_members (
  org_id uuid not null,
  team_id uuid not null,
  user_id uuid not null,
  role text not null,
  created_at timestamptz not null default now(),
  constraint team_members__pk primary key (org_id, team_id, user_id),
  constraint team_members__team foreign key (org_id, team_id) references teams (org_id, id) on delete cascade,
  constraint team_members__member foreign key (org_id, user_id) references memberships (org_id, user_id)
    on delete cascade,
  constraint team_members__role check (role in ('maintainer', 'member'))
);
create index team_members__member on team_members (org_id, user_id);
select assay_secure_tenant_table('team_members');
grant select, insert, update, delete on team_members to assay_app, assay_system;
