-- migration: expand
-- Leaves are written in the transaction of the act they record, and never change. The tree over them orders them
-- by (xid, id), since identity values commit out of order.
create table audit_leaves (
  org_id uuid not null,
  id bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null default now(),
  action text not null,
  outcome text not null,
  actor_kind text not null,
  actor_id text not null,
  via text not null,
  target_type text,
  target_id text,
  request_id text not null,
  trace_id text,
  detail jsonb not null,
  -- Names and addresses of people. Not part of what is hashed: it can be erased.
  personal jsonb,
  constraint audit_leaves__pk primary key (org_id, id),
  constraint audit_leaves__outcome check (outcome in ('allowed', 'refused'))
);
create index audit_leaves__order on audit_leaves (xid, id);
select assay_secure_tenant_table('audit_leaves');
grant select, insert on audit_leaves to assay_app, assay_system;

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
