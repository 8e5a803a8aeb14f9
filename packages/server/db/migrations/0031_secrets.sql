-- migration: expand
create table secrets (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  description text not null default '',
  -- Of the newest value. It grows with each change, so it is what `ETag` names too.
  version integer not null default 1,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- To the minute.
  last_used_at timestamptz,
  constraint secrets__pk primary key (org_id, id),
  constraint secrets__name unique (org_id, name),
  constraint secrets__org_id foreign key (org_id) references organizations (id),
  constraint secrets__name_form check (name ~ '^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$')
);
select assay_secure_tenant_table('secrets');
grant select, insert, update, delete on secrets to assay_app, assay_system;

create table secret_versions (
  org_id uuid not null,
  secret_id uuid not null,
  version integer not null,
  encoding text not null,
  size_bytes integer not null,
  key_version integer not null,
  -- Null for one so old that its value was thrown away.
  sealed bytea,
  created_by uuid,
  created_at timestamptz not null default now(),
  constraint secret_versions__pk primary key (org_id, secret_id, version),
  constraint secret_versions__secret foreign key (org_id, secret_id) references secrets (org_id, id) on delete cascade,
  constraint secret_versions__encoding check (encoding in ('text', 'base64')),
  constraint secret_versions__size check (size_bytes <= 65536)
);
create index secret_versions__key on secret_versions (org_id, key_version);
select assay_secure_tenant_table('secret_versions');
grant select, insert, update, delete on secret_versions to assay_app, assay_system;
