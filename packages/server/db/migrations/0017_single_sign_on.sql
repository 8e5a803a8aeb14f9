-- migration: expand
-- Where people of an organization sign in: an OpenID Connect issuer that it trusts.
create table identity_providers (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  issuer text not null,
  client_id text not null,
  -- Null for a public client, which has PKCE alone.
  sealed_client_secret bytea,
  scopes text[] not null,
  -- The claim whose values are mapped to roles, and which value gives which; nothing that fits gives the default.
  role_claim text,
  role_mapping jsonb not null,
  -- Null: somebody whom nothing maps is refused.
  default_role text,
  -- Whether somebody new becomes a member by signing in.
  creates_members boolean not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  disabled_at timestamptz,
  constraint identity_providers__pk primary key (org_id, id),
  constraint identity_providers__id unique (id),
  constraint identity_providers__org_id foreign key (org_id) references organizations (id),
  constraint identity_providers__default_role check (default_role in ('viewer', 'developer', 'operator', 'admin'))
);
select assay_secure_tenant_table('identity_providers');
grant select, insert, update, delete on identity_providers to assay_app, assay_system;

-- Domains whose e-mail addresses a provider may speak for, once it is proved that they are the organization's. Any
-- number of organizations may claim one; only one can have proved it.
create table identity_provider_domains (
  org_id uuid not null,
  provider_id uuid not null,
  domain text not null,
  -- What the TXT record of the domain must say.
  proof text not null,
  verified_at timestamptz,
  verified_by text,
  constraint identity_provider_domains__pk primary key (org_id, provider_id, domain),
  constraint identity_provider_domains__provider foreign key (org_id, provider_id)
    references identity_providers (org_id, id) on delete cascade,
  constraint identity_provider_domains__verified check ((verified_at is null) = (verified_by is null)),
  constraint identity_provider_domains__domain_lower check (domain = lower(domain))
);
create unique index identity_provider_domains__verified_once on identity_provider_domains (domain) where verified_at is not null;
select assay_secure_tenant_table('identity_provider_domains');
grant select, insert, update, delete on identity_provider_domains to assay_app, assay_system;

-- Who somebody is to an issuer. The subject names a person for good; an e-mail address may change hands.
create table federated_identities (
  org_id uuid not null,
  provider_id uuid not null,
  subject text not null,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  constraint federated_identities__pk primary key (org_id, provider_id, subject),
  constraint federated_identities__provider foreign key (org_id, provider_id)
    references identity_providers (org_id, id) on delete cascade,
  constraint federated_identities__user_id foreign key (user_id) references users (id) on delete cascade
);
create index federated_identities__user on federated_identities (user_id);
select assay_secure_tenant_table('federated_identities');
grant select, insert, update, delete on federated_identities to assay_system;

-- A sign-in that has been sent to its issuer and is expected back, once, in the same browser.
create table sso_attempts (
  state_hash bytea not null,
  org_id uuid not null,
  provider_id uuid not null,
  -- SHA-256 of the cookie of the browser that was sent.
  browser_hash bytea not null,
  sealed_secrets bytea not null,
  return_to text not null,
  client text not null,
  expires_at timestamptz not null,
  constraint sso_attempts__pk primary key (state_hash),
  constraint sso_attempts__provider foreign key (org_id, provider_id)
    references identity_providers (org_id, id) on delete cascade
);
create index sso_attempts__provider on sso_attempts (org_id, provider_id);
create index sso_attempts__age on sso_attempts (expires_at);
select assay_secure_tenant_table('sso_attempts');
grant select, insert, delete on sso_attempts to assay_system;
