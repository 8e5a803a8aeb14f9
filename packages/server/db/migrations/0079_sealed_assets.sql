-- migration: expand
-- The key that an object is sealed with, itself sealed under the organization's data key of this version; null: the object lies
-- there as it is.
alter table asset_contents
  add column sealed_key bytea,
  add column key_version integer,
  add constraint asset_contents__sealed check ((sealed_key is null) = (key_version is null));
create index asset_contents__key_version on asset_contents (org_id, key_version) where key_version is not null;
