-- migration: expand
-- Answers of models that are given again to the same question. What was asked is only in the key, a keyed digest; what was
-- answered is sealed under a data key of the organization.
create table cached_answers (
  org_id uuid not null,
  key bytea not null,
  key_version integer not null,
  sealed bytea not null,
  bytes integer not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint cached_answers__pk primary key (org_id, key),
  constraint cached_answers__org_id foreign key (org_id) references organizations (id)
);
create index cached_answers__age on cached_answers (expires_at);
select assay_secure_tenant_table('cached_answers');
grant select, insert, update, delete on cached_answers to assay_app, assay_system;
