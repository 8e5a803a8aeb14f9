-- migration: expand
-- A retired key signs nothing and verifies until the last token that it signed has expired.
alter table signing_keys add column verifies_until timestamptz;
grant delete on signing_keys to assay_system;
