table api_keys · row security forced
  created_at timestamp with time zone not null default now()
  created_by uuid
  disabled_at timestamp with time zone
  expires_at timestamp with time zone
  hash bytea not null
  id uuid not null
  is_checksummed boolean not null default true
  last_four text not null
  name text not null
  org_id uuid not null
  permission_set text
  prefix text not null
  revoked_at timestamp with time zone
  scopes text[] not null
  constraint api_keys__created_by FOREIGN KEY (created_by) REFERENCES users(id)
  constraint api_keys__hash UNIQUE (hash)
  constraint api_keys__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint api_keys__permission_set CHECK ((permission_set = ANY (ARRAY['full_access'::text, 'submit_observe'::text, 'read_only'::text])))
  constraint api_keys__pk PRIMARY KEY (org_id, id)
  CREATE INDEX api_keys__created_by ON public.api_keys USING btree (created_by)
  CREATE UNIQUE INDEX api_keys__hash ON public.api_keys USING btree (hash)
  CREATE UNIQUE INDEX api_keys__pk ON public.api_keys USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant INSERT, SELECT, UPDATE to assay_system

table assay_migrations
  digest text not null
  finished_at timestamp with time zone
  id integer not null
  name text not null
  started_at timestamp with time zone not null default now()
  constraint assay_migrations_pkey PRIMARY KEY (id)
  CREATE UNIQUE INDEX assay_migrations_pkey ON public.assay_migrations USING btree (id)

table assets · row security forced
  created_at timestamp with time zone not null default now()
  digest text not null
  filename text not null
  id uuid not null
  media_type text not null
  org_id uuid not null
  size_bytes bigint not null
  constraint assets__digest CHECK ((digest ~ '^[0-9a-f]{64}$'::text))
  constraint assets__pk PRIMARY KEY (org_id, id)
  CREATE INDEX assets__by_digest ON public.assets USING btree (org_id, digest)
  CREATE UNIQUE INDEX assets__pk ON public.assets USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table audit_leaves · row security forced
  action text not null
  actor_id text not null
  actor_kind text not null
  at timestamp with time zone not null default now()
  detail jsonb not null
  id bigint not null generated always as identity
  org_id uuid not null
  outcome text not null
  personal jsonb
  request_id text not null
  target_id text
  target_type text
  trace_id text
  via text not null
  xid xid8 not null default pg_current_xact_id()
  constraint audit_leaves__outcome CHECK ((outcome = ANY (ARRAY['allowed'::text, 'refused'::text])))
  constraint audit_leaves__pk PRIMARY KEY (org_id, id)
  CREATE INDEX audit_leaves__order ON public.audit_leaves USING btree (xid, id)
  CREATE UNIQUE INDEX audit_leaves__pk ON public.audit_leaves USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT to assay_app
  grant INSERT, SELECT to assay_system

table custom_roles · row security forced
  created_at timestamp with time zone not null default now()
  description text not null default ''::text
  id uuid not null
  name text not null
  org_id uuid not null
  scopes text[] not null
  updated_at timestamp with time zone not null default now()
  constraint custom_roles__name UNIQUE (org_id, name)
  constraint custom_roles__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint custom_roles__pk PRIMARY KEY (org_id, id)
  CREATE UNIQUE INDEX custom_roles__name ON public.custom_roles USING btree (org_id, name)
  CREATE UNIQUE INDEX custom_roles__pk ON public.custom_roles USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table evaluation_output · row security forced
  bytes bytea not null
  evaluation_id text not null
  org_id uuid not null
  position bigint not null
  stream text not null
  constraint evaluation_output__evaluation FOREIGN KEY (evaluation_id) REFERENCES evaluations(id) ON DELETE CASCADE
  constraint evaluation_output__pk PRIMARY KEY (evaluation_id, stream, "position")
  constraint evaluation_output__stream CHECK ((stream = ANY (ARRAY['stdout'::text, 'stderr'::text])))
  CREATE UNIQUE INDEX evaluation_output__pk ON public.evaluation_output USING btree (evaluation_id, stream, "position")
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table evaluations · row security forced
  args text[] not null default '{}'::text[]
  attempt integer not null default 0
  batch_id uuid
  cancel_reason text
  cancel_requested_at timestamp with time zone
  code text not null
  code_preview text not null
  compile_ms double precision
  completed_at timestamp with time zone
  cpu_ms double precision
  created_at timestamp with time zone not null default now()
  created_by text not null
  created_by_kind text not null
  dead_lettered_at timestamp with time zone
  engine text not null
  engine_asked text not null
  env jsonb not null default '{}'::jsonb
  error text not null default ''::text
  error_asset_id uuid
  exit_code integer
  fence bigint not null default 0
  files jsonb not null default '[]'::jsonb
  id text not null
  language text not null
  lease_expires_at timestamp with time zone
  limits jsonb not null
  memory_peak_mb double precision
  message text
  metadata jsonb not null default '{}'::jsonb
  org_id uuid not null
  output text not null default ''::text
  output_asset_id uuid
  output_truncated boolean not null default false
  outputs text[] not null default '{}'::text[]
  priority integer not null default 0
  queue_deadline timestamp with time zone not null
  reason text
  receipt jsonb
  requirement text not null generated as (((engine || '/'::text) || language))
  result_files jsonb not null default '[]'::jsonb
  retry_of text
  runner_id uuid
  runtime_ms double precision
  seq bigint not null generated always as identity
  signal text
  started_at timestamp with time zone
  state text not null default 'queued'::text
  stdin text not null default ''::text
  constraint evaluations__leased CHECK (((lease_expires_at IS NOT NULL) = (state = 'running'::text)))
  constraint evaluations__pk PRIMARY KEY (id)
  constraint evaluations__priority CHECK (((priority >= 0) AND (priority <= 2000)))
  constraint evaluations__state CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'completed'::text, 'failed'::text, 'timeout'::text, 'cancelled'::text])))
  constraint evaluations__terminal CHECK (((completed_at IS NOT NULL) = (state = ANY (ARRAY['completed'::text, 'failed'::text, 'timeout'::text, 'cancelled'::text]))))
  CREATE INDEX evaluations__age ON public.evaluations USING btree (completed_at) WHERE (completed_at IS NOT NULL)
  CREATE INDEX evaluations__by_runner ON public.evaluations USING btree (runner_id) WHERE (state = 'running'::text)
  CREATE INDEX evaluations__dead ON public.evaluations USING btree (org_id, seq DESC) WHERE (dead_lettered_at IS NOT NULL)
  CREATE INDEX evaluations__leases ON public.evaluations USING btree (lease_expires_at) WHERE (state = 'running'::text)
  CREATE INDEX evaluations__list ON public.evaluations USING btree (org_id, seq DESC)
  CREATE INDEX evaluations__list_by_state ON public.evaluations USING btree (org_id, state, seq DESC)
  CREATE UNIQUE INDEX evaluations__pk ON public.evaluations USING btree (id)
  CREATE INDEX evaluations__queue ON public.evaluations USING btree (org_id, priority DESC, seq) INCLUDE (requirement) WHERE (state = 'queued'::text)
  CREATE INDEX evaluations__running ON public.evaluations USING btree (org_id, started_at DESC) WHERE (state = 'running'::text)
  CREATE INDEX evaluations__served ON public.evaluations USING btree (org_id, started_at DESC)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table events · row security forced
  data jsonb not null
  id bigint not null generated always as identity
  occurred_at timestamp with time zone not null default now()
  org_id uuid not null
  subject text not null
  type text not null
  xid xid8 not null default pg_current_xact_id()
  constraint events__pk PRIMARY KEY (org_id, id)
  CREATE INDEX events__age ON public.events USING btree (occurred_at)
  CREATE INDEX events__by_organization ON public.events USING btree (org_id, xid, id)
  CREATE INDEX events__by_subject ON public.events USING btree (org_id, subject, xid, id)
  CREATE INDEX events__order ON public.events USING btree (xid, id)
  CREATE UNIQUE INDEX events__pk ON public.events USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table idempotency_keys · row security forced
  created_at timestamp with time zone not null default now()
  input_hash bytea not null
  key text not null
  operation text not null
  org_id uuid not null
  principal_id text not null
  sealed_output bytea not null
  constraint idempotency_keys__pk PRIMARY KEY (org_id, principal_id, operation, key)
  CREATE INDEX idempotency_keys__age ON public.idempotency_keys USING btree (created_at)
  CREATE UNIQUE INDEX idempotency_keys__pk ON public.idempotency_keys USING btree (org_id, principal_id, operation, key)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table logins · row security forced
  address text
  client text not null default ''::text
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone not null
  id uuid not null
  last_seen_at timestamp with time zone not null default now()
  method text not null
  org_id uuid
  revoked_at timestamp with time zone
  session_hash bytea
  user_id uuid not null
  constraint logins__method CHECK ((method = ANY (ARRAY['password'::text, 'sso'::text, 'passkey'::text, 'device'::text, 'invitation'::text])))
  constraint logins__org_id FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE SET NULL
  constraint logins__pk PRIMARY KEY (id)
  constraint logins__session_hash UNIQUE (session_hash)
  constraint logins__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE INDEX logins__age ON public.logins USING btree (expires_at)
  CREATE INDEX logins__org ON public.logins USING btree (org_id)
  CREATE UNIQUE INDEX logins__pk ON public.logins USING btree (id)
  CREATE UNIQUE INDEX logins__session_hash ON public.logins USING btree (session_hash)
  CREATE INDEX logins__user ON public.logins USING btree (user_id, created_at DESC)
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table memberships · row security forced
  created_at timestamp with time zone not null default now()
  custom_role_id uuid
  org_id uuid not null
  role text not null
  user_id uuid not null
  constraint memberships__custom_role FOREIGN KEY (org_id, custom_role_id) REFERENCES custom_roles(org_id, id)
  constraint memberships__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint memberships__pk PRIMARY KEY (org_id, user_id)
  constraint memberships__role CHECK ((role = ANY (ARRAY['viewer'::text, 'developer'::text, 'operator'::text, 'admin'::text, 'owner'::text])))
  constraint memberships__user_id FOREIGN KEY (user_id) REFERENCES users(id)
  CREATE INDEX memberships__custom_role ON public.memberships USING btree (org_id, custom_role_id)
  CREATE UNIQUE INDEX memberships__pk ON public.memberships USING btree (org_id, user_id)
  CREATE INDEX memberships__user ON public.memberships USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table organizations · row security forced
  created_at timestamp with time zone not null default now()
  deleted_at timestamp with time zone
  id uuid not null
  name text not null
  posture text not null default 'active'::text
  slug text not null
  trial_ends_at timestamp with time zone
  constraint organizations__pk PRIMARY KEY (id)
  constraint organizations__posture CHECK ((posture = ANY (ARRAY['active'::text, 'trial'::text, 'past_due'::text, 'decommissioning'::text])))
  constraint organizations__slug UNIQUE (slug)
  CREATE UNIQUE INDEX organizations__pk ON public.organizations USING btree (id)
  CREATE UNIQUE INDEX organizations__slug ON public.organizations USING btree (slug)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (id = (current_setting('assay.org_id'::text))::uuid) check (id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table platform_grants
  granted_at timestamp with time zone not null default now()
  granted_by text not null
  principal_id uuid not null
  principal_kind text not null
  constraint platform_grants__pk PRIMARY KEY (principal_kind, principal_id)
  constraint platform_grants__principal_kind CHECK ((principal_kind = ANY (ARRAY['user'::text, 'api_key'::text])))
  CREATE UNIQUE INDEX platform_grants__pk ON public.platform_grants USING btree (principal_kind, principal_id)
  grant DELETE, INSERT, SELECT to assay_system

table refresh_tokens
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone not null
  hash bytea not null
  id uuid not null
  login_id uuid not null
  used_at timestamp with time zone
  constraint refresh_tokens__hash UNIQUE (hash)
  constraint refresh_tokens__login_id FOREIGN KEY (login_id) REFERENCES logins(id) ON DELETE CASCADE
  constraint refresh_tokens__pk PRIMARY KEY (id)
  CREATE UNIQUE INDEX refresh_tokens__hash ON public.refresh_tokens USING btree (hash)
  CREATE INDEX refresh_tokens__login ON public.refresh_tokens USING btree (login_id)
  CREATE UNIQUE INDEX refresh_tokens__pk ON public.refresh_tokens USING btree (id)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table runners
  connected_at timestamp with time zone not null
  disconnected_at timestamp with time zone
  engines jsonb not null
  id uuid not null
  languages jsonb not null
  last_seen_at timestamp with time zone not null
  name text not null
  node_id uuid not null
  refused jsonb not null
  slots integer not null
  version text not null
  constraint runners__pk PRIMARY KEY (id)
  CREATE UNIQUE INDEX runners__pk ON public.runners USING btree (id)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table signing_keys
  created_at timestamp with time zone not null default now()
  id text not null
  public_jwk jsonb not null
  purpose text not null
  retired_at timestamp with time zone
  sealed_private bytea not null
  constraint signing_keys__pk PRIMARY KEY (id)
  constraint signing_keys__purpose CHECK ((purpose = 'access_token'::text))
  CREATE UNIQUE INDEX signing_keys__active ON public.signing_keys USING btree (purpose) WHERE (retired_at IS NULL)
  CREATE UNIQUE INDEX signing_keys__pk ON public.signing_keys USING btree (id)
  grant INSERT, SELECT, UPDATE to assay_system

table users · row security forced
  created_at timestamp with time zone not null default now()
  disabled_at timestamp with time zone
  email text not null
  id uuid not null
  kind text not null default 'person'::text
  name text not null
  password_hash text
  constraint users__email_lower CHECK ((email = lower(email)))
  constraint users__kind CHECK ((kind = ANY (ARRAY['person'::text, 'service'::text])))
  constraint users__pk PRIMARY KEY (id)
  CREATE UNIQUE INDEX users__email ON public.users USING btree (email)
  CREATE UNIQUE INDEX users__pk ON public.users USING btree (id)
  policy member SELECT to {assay_app} using (EXISTS ( SELECT 1
   FROM memberships m
  WHERE (m.user_id = users.id))) check null
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

CREATE OR REPLACE FUNCTION public.assay_secure_tenant_table(target regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant on %s for all to assay_app
       using (org_id = current_setting(''assay.org_id'')::uuid) with check (org_id = current_setting(''assay.org_id'')::uuid)',
    target);
  execute format('create policy system on %s for all to assay_system using (true) with check (true)', target);
end
$function$
