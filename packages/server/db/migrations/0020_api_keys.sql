-- migration: expand
-- What a key may be used from and by whom it is bounded, when it was used, and the secret it had before a rotation.
alter table api_keys
  -- Networks (CIDR) that it may be used from; empty: from anywhere.
  add column allowed_addresses text[] not null default '{}',
  -- The service account that bounds it instead of the person who made it.
  add column service_account_id uuid,
  add column last_used_at timestamptz,
  add column last_used_address text,
  -- The secret before the last rotation works until then.
  add column previous_hash bytea,
  add column previous_expires_at timestamptz,
  add column previous_is_checksummed boolean not null default true,
  -- Set when the person behind it left: its scopes are then what that person could do at that moment, and final.
  add column frozen_at timestamptz,
  add column frozen_role text,
  -- Grows with each change, for `ETag`.
  add column version integer not null default 1,
  add constraint api_keys__previous_hash unique (previous_hash),
  add constraint api_keys__service_account_id foreign key (service_account_id) references users (id),
  add constraint api_keys__previous check ((previous_hash is null) = (previous_expires_at is null)),
  add constraint api_keys__frozen_role
    check (frozen_role in ('viewer', 'developer', 'operator', 'admin', 'owner'));
create index api_keys__service_account on api_keys (service_account_id) where service_account_id is not null;
create index api_keys__made_by on api_keys (org_id, created_by, created_at desc, id desc);
