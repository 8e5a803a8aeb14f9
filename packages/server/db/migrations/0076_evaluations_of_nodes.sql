-- migration: expand
-- The node of a workflow that an evaluation was asked for by, and that waits for its end.
alter table evaluations
  add column workflow_run_id uuid,
  add column workflow_node text,
  -- The item of the node's list, as in workflow_nodes.
  add column workflow_item integer,
  add constraint evaluations__node check (num_nulls(workflow_run_id, workflow_node, workflow_item) in (0, 3));
create index evaluations__of_run on evaluations (org_id, workflow_run_id, seq desc) where workflow_run_id is not null;

-- Whatever ends an evaluation wakes the node that waits for it, in the same transaction. Lock order: evaluations, then
-- nodes; whoever cancels a run ends its evaluations before it writes its nodes.
create function assay_wake_workflow_node() returns trigger language plpgsql as $$
begin
  update workflow_nodes n set due_at = now()
  where n.org_id = new.org_id and n.run_id = new.workflow_run_id and n.key = new.workflow_node
    and n.item = new.workflow_item and n.state = 'waiting' and n.resume->>'evaluation_id' = new.id;
  return null;
end;
$$;
create trigger evaluations__wake_node after update of state on evaluations for each row
  when (new.workflow_run_id is not null and new.completed_at is not null and old.completed_at is null)
  execute function assay_wake_workflow_node();
