-- migration: expand
-- Up to where the checkpoints of an organization were written to a second place. A worker takes a row by moving `next_at`
-- ahead, so that a place that hangs delays nobody but itself.
create table audit_anchors (
  org_id uuid not null,
  destination text not null,
  size bigint not null default 0,
  next_at timestamptz not null,
  failures integer not null default 0,
  last_error text,
  anchored_at timestamptz,
  constraint audit_anchors__pk primary key (org_id, destination),
  constraint audit_anchors__destination check (destination in ('file', 's3', 'webhook'))
);
select assay_secure_tenant_table('audit_anchors');
grant select on audit_anchors to assay_app;
grant select, insert, update on audit_anchors to assay_system;
