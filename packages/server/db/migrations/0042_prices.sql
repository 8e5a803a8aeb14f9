-- migration: expand
-- Prices that an organization sets itself, instead of the catalogue's or where that has none. Rows are only added: what
-- was billed names its row. `price` null gives the model back to the catalogue.
create table price_overrides (
  org_id uuid not null,
  provider text not null,
  model text not null,
  version integer not null,
  effective_from timestamptz(3) not null,
  price jsonb,
  created_by text not null,
  created_at timestamptz not null default now(),
  constraint price_overrides__pk primary key (org_id, provider, model, version),
  constraint price_overrides__org_id foreign key (org_id) references organizations (id)
);
select assay_secure_tenant_table('price_overrides');
grant select, insert on price_overrides to assay_app;
grant select, insert, delete on price_overrides to assay_system;
