-- migration: expand
-- The log itself: leaves at their places, numbered without a gap within an organization. Rows are only ever added; what
-- can be erased is `personal` and its salt, of which only the digest is part of the leaf.
create table audit_entries (
  org_id uuid not null,
  leaf_index bigint not null,
  id uuid not null,
  at timestamptz not null,
  action text not null,
  category text not null,
  actor text not null,
  outcome text not null,
  principal_kind text not null,
  principal_id text not null,
  credential text not null,
  via text not null,
  target_type text,
  target_id text,
  request_id text not null,
  trace_id text,
  detail jsonb not null,
  personal_digest bytea,
  personal jsonb,
  personal_salt bytea,
  leaf_hash bytea not null,
  constraint audit_entries__pk primary key (org_id, leaf_index),
  constraint audit_entries__id unique (org_id, id)
);
create index audit_entries__at on audit_entries (org_id, at, leaf_index);
create index audit_entries__all on audit_entries (at, org_id, leaf_index);
create index audit_entries__action on audit_entries (org_id, action, at, leaf_index);
create index audit_entries__principal on audit_entries (org_id, principal_id, at, leaf_index);
create index audit_entries__target on audit_entries (org_id, target_id, at, leaf_index) where target_id is not null;
select assay_secure_tenant_table('audit_entries');
grant select on audit_entries to assay_app;
grant select, insert, update (personal, personal_salt) on audit_entries to assay_system;

-- The tree of each organization (RFC 6962), as of its newest checkpoint.
create table audit_trees (
  org_id uuid not null,
  size bigint not null,
  -- Roots of the perfect subtrees that the leaves fall into, from the left, 32 bytes each: enough to go on from.
  frontier bytea not null,
  root bytea not null,
  -- Signed note (C2SP tlog-checkpoint).
  checkpoint text not null,
  checkpointed_at timestamptz not null default now(),
  -- Up to where the event stream was told.
  told_size bigint not null default 0,
  told_at timestamptz not null default '-infinity',
  constraint audit_trees__pk primary key (org_id)
);
create index audit_trees__untold on audit_trees (told_at) where told_size < size;
select assay_secure_tenant_table('audit_trees');
grant select on audit_trees to assay_app;
grant select, insert, update on audit_trees to assay_system;

-- Hashes of leaves and of perfect subtrees of 256, 256², … leaves (levels 0, 1, 2, …), 256 to a tile. A tile of level 0 is
-- written when it is full: until then its hashes are those of audit_entries. A proof over a million leaves reads a handful
-- of rows.
create table audit_tiles (
  org_id uuid not null,
  level smallint not null,
  tile_index bigint not null,
  hashes bytea not null,
  constraint audit_tiles__pk primary key (org_id, level, tile_index)
);
alter table audit_tiles alter column hashes set storage external;
select assay_secure_tenant_table('audit_tiles');
grant select on audit_tiles to assay_app;
grant select, insert, update on audit_tiles to assay_system;

-- Which purposes there are is the program's to know.
alter table signing_keys drop constraint signing_keys__purpose;
alter table signing_keys add constraint signing_keys__purpose check (purpose ~ '^[a-z_]{1,40}$');
