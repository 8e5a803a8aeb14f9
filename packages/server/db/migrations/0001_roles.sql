-- migration: expand
-- The two roles that serving processes take on. Neither logs in, owns anything or bypasses row security:
-- assay_app sees the organization named by the transaction-local setting assay.org_id and nothing else,
-- assay_system sees all organizations, by policies of its own.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['assay_app', 'assay_system'] loop
    begin
      execute format('create role %I nologin nobypassrls', wanted);
    exception when duplicate_object or unique_violation then
      null;
    end;
    execute format('grant %I to current_user', wanted);
    execute format('grant usage on schema public to %I', wanted);
  end loop;
end
$$;

-- Puts a tenant table behind forced row security, with the two standard policies.
create function assay_secure_tenant_table(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant on %s for all to assay_app
       using (org_id = current_setting(''assay.org_id'')::uuid) with check (org_id = current_setting(''assay.org_id'')::uuid)',
    target);
  execute format('create policy system on %s for all to assay_system using (true) with check (true)', target);
end
$$;
revoke execute on function assay_secure_tenant_table(regclass) from public;
