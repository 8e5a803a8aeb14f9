-- migration: expand
-- What a run may cost, all that it causes counted: a budget like others, of the run itself.
alter table budgets drop constraint budgets__scope_kind;
alter table budgets add constraint budgets__scope_kind
  check (scope_kind in ('organization', 'team', 'project', 'key', 'agent', 'run'));
alter table workflow_definitions add column budget_micros bigint;
alter table workflow_runs
  add column budget_micros bigint,
  -- Runs whose budgets hold this one: itself, and those above it. Null where there are none.
  add column budgeted_by uuid[];

create function assay_end_run_budget() returns trigger language plpgsql as $$
begin
  delete from budgets b where b.org_id = old.org_id and b.id = old.id and b.scope_kind = 'run';
  return null;
end;
$$;
create trigger workflow_runs__budget after delete on workflow_runs for each row
  when (old.budget_micros is not null) execute function assay_end_run_budget();
