-- migration: expand
-- What opens somebody else's door: an organization's, or (`user_id`) one person's, which goes when the person leaves.
create table credentials (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  kind text not null,
  -- Whose door, in the organization's own words: `github`, `anthropic`.
  provider text,
  user_id uuid,
  status text not null,
  -- A personal credential of the same name takes its place for its person.
  allow_user_override boolean not null default false,
  scopes text[] not null default '{}',
  -- Nothing in it is secret.
  provider_config jsonb not null default '{}',
  -- Null once it is revoked. `sealed_version` grows each time it is sealed with other content.
  key_version integer,
  sealed bytea,
  sealed_version integer not null default 1,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_minted_at timestamptz,
  last_minted_status text,
  revoked_at timestamptz,
  constraint credentials__pk primary key (org_id, id),
  constraint credentials__org_id foreign key (org_id) references organizations (id),
  constraint credentials__member foreign key (org_id, user_id) references memberships (org_id, user_id) on delete cascade,
  constraint credentials__kind check (kind in (
    'oauth2_authorization_code', 'oauth2_client_credentials', 'oauth2_jwt_bearer', 'oauth2_jwt_bearer_with_subject',
    'oauth2_client_assertion', 'api_key', 'basic_auth', 'query_api_key')),
  constraint credentials__status check (status in ('active', 'needs_reauth', 'failed', 'revoked')),
  constraint credentials__revoked check ((status = 'revoked') = (sealed is null)),
  constraint credentials__override check (user_id is null or not allow_user_override)
);
create unique index credentials__name on credentials (org_id, user_id, name) nulls not distinct where status <> 'revoked';
create index credentials__list on credentials (org_id, created_at desc, id desc);
create index credentials__key on credentials (org_id, key_version);
create index credentials__age on credentials (revoked_at) where revoked_at is not null;
select assay_secure_tenant_table('credentials');
grant select, insert, update, delete on credentials to assay_app, assay_system;

-- Tokens that were minted with a credential, for one subject each where it can act for several. Whoever holds the lease
-- asks the issuer; everybody else waits for what comes of it.
create table credential_tokens (
  org_id uuid not null,
  credential_id uuid not null,
  subject text not null,
  version integer not null default 0,
  key_version integer,
  sealed bytea,
  refresh_at timestamptz,
  expires_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  failures integer not null default 0,
  retry_at timestamptz,
  constraint credential_tokens__pk primary key (org_id, credential_id, subject),
  constraint credential_tokens__credential foreign key (org_id, credential_id)
    references credentials (org_id, id) on delete cascade
);
create index credential_tokens__key on credential_tokens (org_id, key_version);
create index credential_tokens__age on credential_tokens (expires_at);
select assay_secure_tenant_table('credential_tokens');
grant select, insert, update, delete on credential_tokens to assay_app, assay_system;
