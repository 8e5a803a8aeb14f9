-- migration: expand
-- Limits on how many runs of a workflow are under way at once, in all and of one key: [{limit, key}]. Those of the newest
-- version hold for all runs that wait.
alter table workflow_definitions add column concurrency jsonb not null default '[]';
alter table workflow_runs add column concurrency_key text;

-- Runs of definitions with limits, from when they are to start until they end: those under way hold a place, the others
-- wait for one. Whoever changes places of a name has its advisory lock.
create table workflow_places (
  org_id uuid not null,
  run_id uuid not null,
  -- Of the definition, whatever the version.
  name text not null,
  key text,
  priority integer not null,
  seq bigint generated always as identity,
  is_held boolean not null default false,
  constraint workflow_places__pk primary key (org_id, run_id),
  constraint workflow_places__run foreign key (org_id, run_id) references workflow_runs (org_id, id) on delete cascade
);
create index workflow_places__waiting on workflow_places (org_id, name, priority desc, seq) where not is_held;
create index workflow_places__held on workflow_places (org_id, name, key) where is_held;
select assay_secure_tenant_table('workflow_places');
grant select, insert, update, delete on workflow_places to assay_app;
grant select, insert, update, delete on workflow_places to assay_system;

-- Gives the free places of a name to those that wait, by priority and then in the order in which they came; says to whom.
-- One whose key has no room is passed over. `about` are the runs that came or went, whose keys are looked at; null looks at
-- all. A run that somebody else has locked is left to them: locks are held here already that they may wait for.
create function assay_give_workflow_places(of_org uuid, of_name text, about uuid[]) returns setof uuid language plpgsql as $$
declare
  most integer;
  most_of_key integer;
  held integer;
  touched text[];
  full_keys text[] := '{}';
  waiting record;
begin
  select (select (l->>'limit')::integer from jsonb_array_elements(d.concurrency) l where l->>'key' is null),
    (select (l->>'limit')::integer from jsonb_array_elements(d.concurrency) l where l->>'key' is not null)
  into most, most_of_key
  from workflow_definitions d where d.org_id = of_org and d.name = of_name order by d.version desc limit 1;
  select count(*) into held from workflow_places p where p.org_id = of_org and p.name = of_name and p.is_held;
  touched := array(select distinct r.concurrency_key from workflow_runs r
    where r.org_id = of_org and r.id = any (about) and r.concurrency_key is not null);
  for waiting in
    select p.run_id, p.key from workflow_places p
    where p.org_id = of_org and p.name = of_name and not p.is_held
      and (about is null or most is not null or p.key = any (touched) or p.run_id = any (about))
    order by p.priority desc, p.seq
  loop
    exit when held >= most;
    continue when waiting.key = any (full_keys);
    if (select count(*) from workflow_places p
        where p.org_id = of_org and p.name = of_name and p.is_held and p.key = waiting.key) >= most_of_key then
      full_keys := full_keys || waiting.key;
      continue;
    end if;
    perform from workflow_runs r where r.org_id = of_org and r.id = waiting.run_id and r.state = 'queued'
    for no key update skip locked;
    continue when not found;
    update workflow_places p set is_held = true where p.org_id = of_org and p.run_id = waiting.run_id;
    held := held + 1;
    return next waiting.run_id;
  end loop;
end;
$$;
