-- migration: expand
-- A named reference to content that is stored by its digest; the same content may have many.
create table assets (
  org_id uuid not null,
  id uuid not null,
  digest text not null,
  size_bytes bigint not null,
  media_type text not null,
  filename text not null,
  created_at timestamptz not null default now(),
  constraint assets__pk primary key (org_id, id),
  constraint assets__digest check (digest ~ '^[0-9a-f]{64}$')
);
create index assets__by_digest on assets (org_id, digest);
select assay_secure_tenant_table('assets');
grant select, insert, delete on assets to assay_app, assay_system;
