-- migration: expand
-- Where the context of a run is too large for its row: the asset that holds it, and how many bytes that is. The row then has
-- an empty one. An asset that is the context of a run cannot be deleted.
alter table workflow_runs add column context_asset uuid, add column context_bytes integer;
alter table workflow_runs add constraint workflow_runs__context_asset
  foreign key (org_id, context_asset) references assets (org_id, id);
alter table workflow_runs add constraint workflow_runs__context
  check ((context_asset is null) = (context_bytes is null) and (context_asset is null or context = '{}'));
create index workflow_runs__context_asset on workflow_runs (org_id, context_asset) where context_asset is not null;
