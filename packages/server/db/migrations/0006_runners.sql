-- migration: expand
-- Runners as they last presented themselves. They belong to the installation, not to an organization.
create table runners (
  id uuid not null,
  name text not null,
  version text not null,
  slots integer not null,
  engines jsonb not null,
  refused jsonb not null,
  languages jsonb not null,
  -- The control-plane process that holds the connection.
  node_id uuid not null,
  connected_at timestamptz not null,
  last_seen_at timestamptz not null,
  disconnected_at timestamptz,
  constraint runners__pk primary key (id)
);
grant select, insert, update, delete on runners to assay_system;
