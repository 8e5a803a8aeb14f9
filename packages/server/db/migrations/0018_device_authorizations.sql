-- migration: expand
-- A login may be narrower than the person: what a device was allowed when its request was approved.
-- `scopes` null: all that the person may do. `client_id`: the OAuth client that its refresh tokens are for, if one.
alter table logins add column scopes text[], add column client_id text;

-- Requests of devices to sign in as somebody (RFC 8628), from the question to its answer.
create table device_authorizations (
  id uuid not null,
  -- SHA-256 of the code that the device polls with.
  device_code_hash bytea not null,
  -- HMAC of the code that the person types: it has too few letters for a plain hash to hide it.
  user_code_hash bytea not null,
  -- Who asks and from where, the first three as the device says it.
  client_id text not null,
  device_name text not null default '',
  software text not null default '',
  address text,
  scopes text[],
  interval_seconds integer not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  polled_at timestamptz,
  decision text,
  decided_at timestamptz,
  decided_by uuid,
  -- The organization that was chosen; null for a person in none.
  org_id uuid,
  claimed_at timestamptz,
  constraint device_authorizations__pk primary key (id),
  constraint device_authorizations__device_code unique (device_code_hash),
  constraint device_authorizations__user_code unique (user_code_hash),
  constraint device_authorizations__decided_by foreign key (decided_by) references users (id) on delete cascade,
  constraint device_authorizations__org_id foreign key (org_id) references organizations (id) on delete cascade,
  constraint device_authorizations__decision check (decision in ('approved', 'denied')),
  constraint device_authorizations__decided check ((decision is null) = (decided_at is null)),
  constraint device_authorizations__claimed check (claimed_at is null or decision = 'approved')
);
create index device_authorizations__age on device_authorizations (expires_at);
create index device_authorizations__decider on device_authorizations (decided_by);
create index device_authorizations__org on device_authorizations (org_id);
-- Only the system handle reads them: a request belongs to no organization before it is answered.
alter table device_authorizations enable row level security;
alter table device_authorizations force row level security;
create policy system on device_authorizations for all to assay_system using (true) with check (true);
grant select, insert, update, delete on device_authorizations to assay_system;
