-- migration: expand
-- What the billing system has said already: a message that is delivered twice counts once.
create table billing_messages (
  id text not null,
  received_at timestamptz not null default now(),
  constraint billing_messages__pk primary key (id)
);
create index billing_messages__age on billing_messages (received_at);
grant select, insert, delete on billing_messages to assay_system;

-- Erasing an organization takes its rows from every table.
grant delete on api_keys to assay_system;
