-- migration: expand
-- Who may see only what they submitted sees it as fast as everybody sees everything.
create index evaluations__by_owner on evaluations (org_id, created_by, seq desc);
