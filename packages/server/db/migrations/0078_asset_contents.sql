-- migration: expand
-- What an organization keeps once, however many of its assets have it. `object` is its name in the store of bytes: a name is
-- used once and never comes back, so that what is removed under it is never what somebody has just stored.
create table asset_contents (
  org_id uuid not null,
  -- SHA-256 of the content, in hex.
  digest text not null,
  object text not null,
  size_bytes bigint not null,
  -- When an asset with this content was last deleted; null when none was since one was last added.
  released_at timestamptz,
  constraint asset_contents__pk primary key (org_id, digest),
  constraint asset_contents__digest check (digest ~ '^[0-9a-f]{64}$'),
  constraint asset_contents__size check (size_bytes >= 0)
);
create index asset_contents__object on asset_contents (object);
create index asset_contents__released on asset_contents (released_at) where released_at is not null;
select assay_secure_tenant_table('asset_contents');
grant select, insert, update, delete on asset_contents to assay_app, assay_system;

-- Content that is being written. The row is there before the first byte is, so that a crash leaves nothing that nobody knows.
create table asset_uploads (
  org_id uuid not null,
  object text not null,
  -- Room of the organization's quota that is kept for it.
  reserved_bytes bigint not null,
  started_at timestamptz not null default now(),
  constraint asset_uploads__pk primary key (org_id, object),
  constraint asset_uploads__reserved check (reserved_bytes >= 0)
);
create index asset_uploads__started on asset_uploads (started_at);
select assay_secure_tenant_table('asset_uploads');
grant select, insert, update, delete on asset_uploads to assay_app, assay_system;

-- What an organization's assets come to. Each counts with its size, also where two have the same content.
create table asset_usage (
  org_id uuid not null,
  asset_count bigint not null default 0,
  stored_bytes bigint not null default 0,
  reserved_bytes bigint not null default 0,
  -- The organization's own quota; null: that of the installation.
  quota_bytes bigint,
  constraint asset_usage__pk primary key (org_id),
  constraint asset_usage__amounts check (asset_count >= 0 and stored_bytes >= 0 and reserved_bytes >= 0)
);
alter table asset_usage set (fillfactor = 50);
select assay_secure_tenant_table('asset_usage');
grant select, insert, update, delete on asset_usage to assay_app, assay_system;

-- Names in the store that are to be removed from it. Of no organization: what was an organization's may be erased by then.
create table asset_garbage (
  object text not null,
  since timestamptz not null default now(),
  constraint asset_garbage__pk primary key (object)
);
create index asset_garbage__since on asset_garbage (since);
grant insert on asset_garbage to assay_app;
grant select, insert, delete on asset_garbage to assay_system;

-- Whichever way a row goes, what it named is not forgotten. A name that content has taken over is told from garbage by whoever
-- collects it.
create function assay_asset_garbage() returns trigger language plpgsql as $$
begin
  insert into asset_garbage (object) values (old.object) on conflict do nothing;
  return null;
end
$$;
create trigger asset_contents__garbage after delete on asset_contents for each row execute function assay_asset_garbage();
create trigger asset_uploads__garbage after delete on asset_uploads for each row execute function assay_asset_garbage();

-- Earlier content lies under its digest, once for all organizations.
set local role assay_system;
insert into asset_contents (org_id, digest, object, size_bytes)
  select distinct org_id, digest, substr(digest, 1, 2) || '/' || substr(digest, 3, 2) || '/' || digest, size_bytes from assets;
insert into asset_usage (org_id, asset_count, stored_bytes)
  select org_id, count(*), sum(size_bytes) from assets group by org_id;
reset role;

alter table assets
  add column created_by_kind text,
  add column created_by text,
  add column expires_at timestamptz(3),
  -- As exact as callers can say it, who go through the list from a moment.
  alter column created_at type timestamptz(3),
  add constraint assets__content foreign key (org_id, digest) references asset_contents (org_id, digest);
-- An asset never changes. The right is what it takes to lock one.
grant update (expires_at) on assets to assay_app, assay_system;
create index assets__list on assets (org_id, created_at desc, id desc);
create index assets__expiry on assets (expires_at) where expires_at is not null;
