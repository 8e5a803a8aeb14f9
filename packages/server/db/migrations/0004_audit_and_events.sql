-- migration: expand
-- Leaves as acts write them, in their own transaction. Each waits here, a second at most, until it is given its place in
-- the tree of its organization and moves to audit_entries. The sequencer takes what is committed, oldest id first: an act
-- that saw another one's effect has the higher id, and nothing is skipped, since what commits later is simply taken later.
-- The organization 00000000-0000-0000-0000-000000000000 stands for acts that belong to none.
create table audit_leaves (
  org_id uuid not null,
  id bigint generated always as identity,
  at timestamptz not null default now(),
  action text not null,
  outcome text not null,
  actor_kind text not null,
  actor_id text not null,
  credential text not null,
  via text not null,
  target_type text,
  target_id text,
  request_id text not null,
  trace_id text,
  detail jsonb not null,
  -- Names and addresses of people. Only a digest of it is hashed into the tree, so that it can be erased.
  personal jsonb,
  constraint audit_leaves__pk primary key (org_id, id),
  constraint audit_leaves__outcome check (outcome in ('allowed', 'refused'))
);
-- It is filled and emptied all the time: without this the emptied part grows until the hourly vacuum.
alter table audit_leaves set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index audit_leaves__order on audit_leaves (id);
select assay_secure_tenant_table('audit_leaves');
grant select, insert on audit_leaves to assay_app;
grant select, insert, delete, update (personal) on audit_leaves to assay_system;

-- The outbox. A reader takes rows whose transaction is older than every running one, in the order (xid, id).
create table events (
  org_id uuid not null,
  id bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  occurred_at timestamptz not null default now(),
  type text not null,
  subject text not null,
  data jsonb not null,
  constraint events__pk primary key (org_id, id)
);
create index events__order on events (xid, id);
create index events__by_organization on events (org_id, xid, id);
create index events__by_subject on events (org_id, subject, xid, id);
create index events__age on events (occurred_at);
select assay_secure_tenant_table('events');
grant select, insert on events to assay_app;
grant select, insert, delete on events to assay_system;

-- An answer kept for a retried request, sealed under the organization's key. Written in the transaction of the act.
create table idempotency_keys (
  org_id uuid not null,
  principal_id text not null,
  operation text not null,
  key text not null,
  input_hash bytea not null,
  sealed_output bytea not null,
  created_at timestamptz not null default now(),
  constraint idempotency_keys__pk primary key (org_id, principal_id, operation, key)
);
create index idempotency_keys__age on idempotency_keys (created_at);
select assay_secure_tenant_table('idempotency_keys');
grant select, insert, update on idempotency_keys to assay_app;
grant select, insert, update, delete on idempotency_keys to assay_system;
