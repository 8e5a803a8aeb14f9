-- migration: expand
-- The two roles that serving processes take on. Neither logs in, owns anything or bypasses row security:
-- assay_app sees the organization named by the transaction-local setting assay.org_id and nothing else,
-- assay_system sees all organizations, by policies of its own.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['assay_app', 'assay_system'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I nologin nobypassrls', wanted);
      exception
        -- Another database of this server was migrated at the same time. That its role is there is known to this
        -- session from the next table on that it touches for the first time.
        when duplicate_object or unique_violation then
          perform from pg_tablespace;
        when insufficient_privilege then
          raise insufficient_privilege using message = format(
            'the database user %1$I may not create the roles that Assay serves under. As a superuser run: '
            'create role assay_app nologin; create role assay_system nologin; grant assay_app, assay_system to %1$I;',
            current_user);
      end;
    end if;
    begin
      execute format('set local role %I', wanted);
    exception when insufficient_privilege then
      begin
        execute format('grant %I to current_user', wanted);
      exception when insufficient_privilege then
        raise insufficient_privilege using message = format(
          'the database user %1$I may not take on the role %2$I. As a superuser run: '
          'grant assay_app, assay_system to %1$I;', current_user, wanted);
      end;
    end;
    reset role;
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
