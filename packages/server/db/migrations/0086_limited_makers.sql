-- migration: expand
-- What a run does later, it does as whoever made it, with no more scopes than their credential had: of a login that was
-- given less than the person has, those. Null: all that they have.
alter table workflow_runs add column limited_to text[];
alter table workflow_schedules add column limited_to text[];
