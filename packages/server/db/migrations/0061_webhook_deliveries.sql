-- migration: expand
-- How far a webhook has read the events of its organization, and how it fares. A row of its own: it moves with each event
-- and each failure, and the webhook itself hardly ever.
create table webhook_progress (
  org_id uuid not null,
  webhook_id uuid not null,
  -- It has heard of all events up to here, in the order (xid, id).
  read_xid xid8 not null default pg_current_xact_id(),
  read_id bigint not null default 0,
  -- Since the last answer that took a message.
  consecutive_failures integer not null default 0,
  failing_since timestamptz,
  -- One that fails again and again is left alone until then.
  paused_until timestamptz,
  constraint webhook_progress__pk primary key (org_id, webhook_id),
  constraint webhook_progress__webhook foreign key (org_id, webhook_id) references webhooks (org_id, id) on delete cascade,
  constraint webhook_progress__failing check ((consecutive_failures = 0) = (failing_since is null))
);
-- Rows change with every event: room on the page for the next version.
alter table webhook_progress set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
select assay_secure_tenant_table('webhook_progress');
grant select, insert, update, delete on webhook_progress to assay_app, assay_system;

-- A message on its way to one webhook. It may outlive the webhook, until its time is over: a log of millions of rows is not
-- deleted in one go. A worker that sends it holds it until `due_at`; then it is anybody's again.
create table webhook_deliveries (
  org_id uuid not null,
  id uuid not null default gen_random_uuid(),
  webhook_id uuid not null,
  -- The `webhook-id` header: of one event the same, at each attempt and to each webhook.
  message_id text not null,
  kind text not null,
  event_type text not null,
  subject text not null,
  -- As it is signed and sent, byte for byte.
  body text not null,
  state text not null default 'pending',
  -- When it is to be sent; while it is being sent, when the sender's hold on it ends.
  due_at timestamptz not null,
  is_sending boolean not null default false,
  -- Grows with each hold. What an earlier holder reports has no effect.
  fence integer not null default 0,
  attempts integer not null default 0,
  -- Failed attempts of the running schedule, which a redelivery begins anew.
  failures integer not null default 0,
  last_status integer,
  last_error text,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint webhook_deliveries__pk primary key (org_id, id),
  constraint webhook_deliveries__message unique (org_id, webhook_id, message_id),
  constraint webhook_deliveries__kind check (kind in ('event', 'test')),
  constraint webhook_deliveries__state check (state in ('pending', 'delivered', 'failed')),
  constraint webhook_deliveries__ended check ((state = 'pending') = (ended_at is null)),
  constraint webhook_deliveries__sending check (state = 'pending' or not is_sending)
);
create index webhook_deliveries__due on webhook_deliveries (org_id, webhook_id, due_at) where state = 'pending';
create index webhook_deliveries__tests on webhook_deliveries (org_id, webhook_id, due_at)
  where state = 'pending' and kind = 'test';
create index webhook_deliveries__sending on webhook_deliveries (org_id, webhook_id) where is_sending;
create index webhook_deliveries__list on webhook_deliveries (org_id, webhook_id, created_at desc, id desc);
create index webhook_deliveries__age on webhook_deliveries (created_at);
-- It is filled and emptied all the time.
alter table webhook_deliveries set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
select assay_secure_tenant_table('webhook_deliveries');
grant select, insert, update, delete on webhook_deliveries to assay_app, assay_system;

-- What became of each try.
create table webhook_attempts (
  org_id uuid not null,
  delivery_id uuid not null,
  number integer not null,
  at timestamptz not null,
  duration_ms integer not null,
  -- Null: there was no answer.
  status integer,
  -- In words; null when the message was taken.
  error text,
  -- How the answer began.
  answer text,
  constraint webhook_attempts__pk primary key (org_id, delivery_id, number),
  constraint webhook_attempts__delivery foreign key (org_id, delivery_id)
    references webhook_deliveries (org_id, id) on delete cascade
);
select assay_secure_tenant_table('webhook_attempts');
grant select, insert, update, delete on webhook_attempts to assay_app, assay_system;
