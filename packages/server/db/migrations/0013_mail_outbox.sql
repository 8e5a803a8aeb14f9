-- migration: expand
-- Mail on its way out, written in the transaction of the act that it tells of, and gone once the server for mail has
-- taken it. Sealed: a mail may hold a link that lets somebody in.
create table mail_outbox (
  id uuid not null,
  sealed bytea not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint mail_outbox__pk primary key (id)
);
create index mail_outbox__due on mail_outbox (next_attempt_at);
grant insert on mail_outbox to assay_app;
grant select, insert, update, delete on mail_outbox to assay_system;
