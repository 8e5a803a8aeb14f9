-- migration: expand
-- Whoever may see only the files that they stored lists those.
create index assets__by_maker on assets (org_id, created_by, created_at desc, id desc) where created_by is not null;
