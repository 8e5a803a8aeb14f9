-- migration: expand
-- An invitation is answered once: by whoever has its token, or by the person whose address it names.
create table invitations (
  org_id uuid not null,
  id uuid not null,
  email text not null,
  role text not null,
  custom_role_id uuid,
  -- SHA-256 of the token, which carries 256 random bits.
  token_hash bytea not null,
  state text not null default 'pending',
  invited_by_kind text not null,
  invited_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  settled_at timestamptz,
  constraint invitations__pk primary key (org_id, id),
  constraint invitations__id unique (id),
  constraint invitations__token_hash unique (token_hash),
  constraint invitations__org_id foreign key (org_id) references organizations (id),
  constraint invitations__custom_role foreign key (org_id, custom_role_id) references custom_roles (org_id, id),
  constraint invitations__email_lower check (email = lower(email)),
  constraint invitations__role check (role in ('viewer', 'developer', 'operator', 'admin', 'owner')),
  constraint invitations__owner check (role <> 'owner' or custom_role_id is null),
  constraint invitations__state check (state in ('pending', 'accepted', 'declined', 'revoked', 'expired')),
  constraint invitations__settled check ((settled_at is null) = (state = 'pending'))
);
create unique index invitations__pending on invitations (org_id, email) where state = 'pending';
create index invitations__list on invitations (org_id, created_at desc, id desc);
create index invitations__custom_role on invitations (org_id, custom_role_id);
create index invitations__age on invitations (expires_at);
select assay_secure_tenant_table('invitations');
grant select, insert, update, delete on invitations to assay_app, assay_system;
