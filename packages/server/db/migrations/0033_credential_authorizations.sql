-- migration: expand
-- A person who was sent to an issuer to let a credential in, and is expected back, once.
create table credential_authorizations (
  state_hash bytea not null,
  org_id uuid not null,
  credential_id uuid not null,
  user_id uuid not null,
  redirect_uri text not null,
  return_to text,
  -- The verifier of PKCE (RFC 7636).
  key_version integer not null,
  sealed bytea not null,
  expires_at timestamptz not null,
  constraint credential_authorizations__pk primary key (state_hash),
  constraint credential_authorizations__credential foreign key (org_id, credential_id)
    references credentials (org_id, id) on delete cascade,
  constraint credential_authorizations__user_id foreign key (user_id) references users (id) on delete cascade
);
create index credential_authorizations__of on credential_authorizations (org_id, credential_id);
create index credential_authorizations__user on credential_authorizations (user_id);
create index credential_authorizations__age on credential_authorizations (expires_at);
select assay_secure_tenant_table('credential_authorizations');
grant select, insert on credential_authorizations to assay_app;
grant select, insert, delete on credential_authorizations to assay_system;
