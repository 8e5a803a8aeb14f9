-- migration: expand
-- Runs that a node of another run has made, and waits for. A run is kept when the one that made it is deleted.
alter table workflow_runs
  add column parent_run_id uuid,
  add column parent_node text,
  add column parent_item integer,
  -- How many runs are above it.
  add column depth integer not null default 0;
create index workflow_runs__children on workflow_runs (org_id, parent_run_id)
  where parent_run_id is not null and completed_at is null;
