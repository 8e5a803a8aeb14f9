-- migration: expand
-- What human nodes ask, and nobody has decided: few rows of many.
create index workflow_nodes__asks on workflow_nodes (org_id, (resume->'asks'->>'askedAt'), run_id, key)
  where state = 'waiting' and resume ? 'asks';
