-- migration: expand
-- Keys that wrap data keys, each itself wrapped by one master key or, while the installation moves to another, by two.
create table root_keys (
  version integer not null,
  -- The master key that the installation means to use; its content is nowhere in the database.
  master_key_id text not null,
  created_at timestamptz not null default now(),
  constraint root_keys__pk primary key (version)
);
grant select, insert, delete on root_keys to assay_system;

create table root_key_wrappings (
  root_version integer not null,
  master_key_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  constraint root_key_wrappings__pk primary key (root_version, master_key_id),
  constraint root_key_wrappings__root foreign key (root_version) references root_keys (version) on delete cascade
);
grant select, insert, delete on root_key_wrappings to assay_system;

-- One key per organization and purpose, and version of it. Ciphertexts name the version that they were sealed with.
-- Without a reference to organizations: the installation's own key belongs to none.
create table data_keys (
  org_id uuid not null,
  purpose text not null,
  version integer not null,
  root_version integer not null,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  constraint data_keys__pk primary key (org_id, purpose, version),
  constraint data_keys__root foreign key (root_version) references root_keys (version)
);
create index data_keys__root on data_keys (root_version);
select assay_secure_tenant_table('data_keys');
-- Not for the role of requests: an organization has no business with wrapped keys, its own included.
grant select, insert, update, delete on data_keys to assay_system;
