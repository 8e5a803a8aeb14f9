-- migration: expand
create table passkeys (
  id uuid not null,
  user_id uuid not null,
  credential_id bytea not null,
  public_key bytea not null,
  -- What the authenticator counts; 0 for the many that count nothing.
  counter bigint not null,
  transports text[] not null,
  name text not null,
  -- Whether it is kept in more than one place (a synced passkey).
  is_backed_up boolean not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  constraint passkeys__pk primary key (id),
  constraint passkeys__credential_id unique (credential_id),
  constraint passkeys__user_id foreign key (user_id) references users (id) on delete cascade
);
create index passkeys__user on passkeys (user_id, created_at);
alter table passkeys enable row level security;
alter table passkeys force row level security;
create policy system on passkeys for all to assay_system using (true) with check (true);
grant select, insert, update, delete on passkeys to assay_system;

-- A challenge is taken once: whatever becomes of the answer, it is gone. Without a person it is one to sign in with.
create table passkey_challenges (
  hash bytea not null,
  user_id uuid,
  expires_at timestamptz not null,
  constraint passkey_challenges__pk primary key (hash),
  constraint passkey_challenges__user_id foreign key (user_id) references users (id) on delete cascade
);
create index passkey_challenges__user on passkey_challenges (user_id);
create index passkey_challenges__age on passkey_challenges (expires_at);
alter table passkey_challenges enable row level security;
alter table passkey_challenges force row level security;
create policy system on passkey_challenges for all to assay_system using (true) with check (true);
grant select, insert, delete on passkey_challenges to assay_system;
