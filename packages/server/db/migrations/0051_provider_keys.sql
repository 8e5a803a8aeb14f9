-- migration: expand
-- What lets a provider's calls in may lie in the vault instead of on its row: keys are replaced in one place then.
alter table providers
  -- A credential of the organization. No foreign key: one that was revoked is forgotten some day, and calls fail from
  -- its end on, in words, before that and after.
  add column credential_id uuid,
  -- A secret, by its name. While a provider names it, it cannot be deleted.
  add column secret text,
  add constraint providers__secret foreign key (org_id, secret) references secrets (org_id, name),
  add constraint providers__one_key check (num_nonnulls(sealed_key, credential_id, secret) <= 1);
create index providers__by_secret on providers (org_id, secret);
