-- migration: expand
-- Addresses of an organization's own that are told of its events.
create table webhooks (
  org_id uuid not null,
  id uuid not null,
  url text not null,
  description text not null default '',
  -- Patterns of event types (`budget.*`), and ids of the things that events are about; empty: all.
  event_types text[] not null default '{}',
  subjects text[] not null default '{}',
  is_enabled boolean not null default true,
  disabled_at timestamptz,
  disabled_reason text,
  created_by text not null,
  -- Whose permissions bound what it hears: who made it or last said where it goes and what it hears. While the person
  -- behind that credential is a member, what they may do bounds it, too; without one, the scopes here are final.
  -- Null scopes: all that the person may do.
  maker_kind text not null,
  maker_id text not null,
  maker_user_id uuid,
  maker_scopes text[],
  -- Grows with each change, for `ETag`.
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhooks__pk primary key (org_id, id),
  constraint webhooks__org_id foreign key (org_id) references organizations (id),
  constraint webhooks__maker check (maker_user_id is not null or maker_scopes is not null),
  constraint webhooks__disabled check (is_enabled = (disabled_reason is null) and is_enabled = (disabled_at is null)),
  constraint webhooks__disabled_reason check (disabled_reason in ('by_hand', 'failing', 'gone', 'maker_removed'))
);
create index webhooks__list on webhooks (org_id, created_at desc, id desc);
create index webhooks__maker_user on webhooks (org_id, maker_user_id) where maker_user_id is not null;
select assay_secure_tenant_table('webhooks');
grant select, insert, update, delete on webhooks to assay_app, assay_system;

-- What messages are signed with, sealed. The newest has no end; the ones before sign beside it until theirs.
create table webhook_secrets (
  org_id uuid not null,
  webhook_id uuid not null,
  version integer not null,
  key_version integer not null,
  sealed_secret bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  constraint webhook_secrets__pk primary key (org_id, webhook_id, version),
  constraint webhook_secrets__webhook foreign key (org_id, webhook_id) references webhooks (org_id, id) on delete cascade
);
select assay_secure_tenant_table('webhook_secrets');
grant select, insert, update, delete on webhook_secrets to assay_app, assay_system;
