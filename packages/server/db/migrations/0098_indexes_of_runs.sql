-- migration: expand
-- Jobs are not among the runs that are listed, nor looked up by their definition; what has not ended is listed by its age.
drop index workflow_runs__list;
create index workflow_runs__list on workflow_runs (org_id, created_at desc, id desc) where job is null;
drop index workflow_runs__definition;
create index workflow_runs__definition on workflow_runs (org_id, definition_id, created_at desc) where job is null;
drop index workflow_runs__unended;
create index workflow_runs__unended on workflow_runs (org_id, created_at desc, id desc) where completed_at is null;
