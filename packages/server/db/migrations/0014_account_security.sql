-- migration: expand
-- What is sent by mail to prove that somebody reads it: one use, one purpose, hashed like every other token. A sign-up
-- carries the account that confirming it makes; until then there is none, so nobody can sit on a foreign address.
create table one_time_tokens (
  hash bytea not null,
  purpose text not null,
  user_id uuid,
  -- The address that it was sent to.
  email text not null,
  name text,
  password_hash text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint one_time_tokens__pk primary key (hash),
  constraint one_time_tokens__purpose check (purpose in ('password_reset', 'email_change', 'sign_up')),
  constraint one_time_tokens__about check (
    case when purpose = 'sign_up' then user_id is null and name is not null and password_hash is not null
    else user_id is not null and name is null and password_hash is null end),
  constraint one_time_tokens__user_id foreign key (user_id) references users (id) on delete cascade
);
create index one_time_tokens__user on one_time_tokens (user_id);
create index one_time_tokens__email on one_time_tokens (email);
create index one_time_tokens__age on one_time_tokens (expires_at);
alter table one_time_tokens enable row level security;
alter table one_time_tokens force row level security;
create policy system on one_time_tokens for all to assay_system using (true) with check (true);
grant select, insert, delete on one_time_tokens to assay_system;

-- Attempts that have not been made good by a success, by a digest of who tries what. Lost with a crash of the server of
-- the database, which costs a guesser nothing and gives one nothing worth having.
create unlogged table attempt_throttles (
  subject bytea not null,
  attempts integer not null,
  blocked_until timestamptz not null,
  updated_at timestamptz not null default now(),
  constraint attempt_throttles__pk primary key (subject)
);
create index attempt_throttles__age on attempt_throttles (updated_at);
grant select, insert, update, delete on attempt_throttles to assay_system;

-- An authenticator app of a person. It counts once it is confirmed; `last_step` is the latest time step that was
-- accepted, so that no code works twice.
create table totp_authenticators (
  user_id uuid not null,
  sealed_secret bytea not null,
  created_at timestamptz not null default now(),
  confirmed_at timestamptz,
  last_step bigint not null default 0,
  constraint totp_authenticators__pk primary key (user_id),
  constraint totp_authenticators__user_id foreign key (user_id) references users (id) on delete cascade
);
alter table totp_authenticators enable row level security;
alter table totp_authenticators force row level security;
create policy system on totp_authenticators for all to assay_system using (true) with check (true);
grant select, insert, update, delete on totp_authenticators to assay_system;

create table recovery_codes (
  user_id uuid not null,
  hash bytea not null,
  created_at timestamptz not null default now(),
  constraint recovery_codes__pk primary key (user_id, hash),
  constraint recovery_codes__user_id foreign key (user_id) references users (id) on delete cascade
);
alter table recovery_codes enable row level security;
alter table recovery_codes force row level security;
create policy system on recovery_codes for all to assay_system using (true) with check (true);
grant select, insert, delete on recovery_codes to assay_system;

-- A sign-in that has proved the first factor and waits for the second.
create table second_factor_challenges (
  hash bytea not null,
  user_id uuid not null,
  client text not null,
  attempts integer not null default 0,
  expires_at timestamptz not null,
  constraint second_factor_challenges__pk primary key (hash),
  constraint second_factor_challenges__user_id foreign key (user_id) references users (id) on delete cascade
);
create index second_factor_challenges__user on second_factor_challenges (user_id);
create index second_factor_challenges__age on second_factor_challenges (expires_at);
alter table second_factor_challenges enable row level security;
alter table second_factor_challenges force row level security;
create policy system on second_factor_challenges for all to assay_system using (true) with check (true);
grant select, insert, update, delete on second_factor_challenges to assay_system;
