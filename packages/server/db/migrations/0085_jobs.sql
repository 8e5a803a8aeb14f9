-- migration: expand
-- A job is a run of one built-in node. `job` is what is known of it beside its input; null for any other run.
alter table workflow_runs add column job jsonb;
create index workflow_runs__jobs on workflow_runs (org_id, created_at desc, id desc) where job is not null;
create index workflow_runs__dead_jobs on workflow_runs (org_id, created_at desc, id desc)
  where job is not null and state = 'failed';
