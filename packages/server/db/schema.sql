table api_keys · row security forced
  allowed_addresses text[] not null default '{}'::text[]
  created_at timestamp with time zone not null default now()
  created_by uuid
  disabled_at timestamp with time zone
  expires_at timestamp with time zone
  frozen_at timestamp with time zone
  frozen_role text
  hash bytea not null
  id uuid not null
  is_checksummed boolean not null default true
  last_four text not null
  last_used_address text
  last_used_at timestamp with time zone
  name text not null
  org_id uuid not null
  permission_set text
  prefix text not null
  previous_expires_at timestamp with time zone
  previous_hash bytea
  previous_is_checksummed boolean not null default true
  revoked_at timestamp with time zone
  scopes text[] not null
  service_account_id uuid
  version integer not null default 1
  constraint api_keys__created_by FOREIGN KEY (created_by) REFERENCES users(id)
  constraint api_keys__frozen_role CHECK ((frozen_role = ANY (ARRAY['viewer'::text, 'developer'::text, 'operator'::text, 'admin'::text, 'owner'::text])))
  constraint api_keys__hash UNIQUE (hash)
  constraint api_keys__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint api_keys__permission_set CHECK ((permission_set = ANY (ARRAY['full_access'::text, 'submit_observe'::text, 'read_only'::text])))
  constraint api_keys__pk PRIMARY KEY (org_id, id)
  constraint api_keys__previous CHECK (((previous_hash IS NULL) = (previous_expires_at IS NULL)))
  constraint api_keys__previous_hash UNIQUE (previous_hash)
  constraint api_keys__service_account_id FOREIGN KEY (service_account_id) REFERENCES users(id)
  CREATE INDEX api_keys__created_by ON public.api_keys USING btree (created_by)
  CREATE UNIQUE INDEX api_keys__hash ON public.api_keys USING btree (hash)
  CREATE INDEX api_keys__made_by ON public.api_keys USING btree (org_id, created_by, created_at DESC, id DESC)
  CREATE UNIQUE INDEX api_keys__pk ON public.api_keys USING btree (org_id, id)
  CREATE UNIQUE INDEX api_keys__previous_hash ON public.api_keys USING btree (previous_hash)
  CREATE INDEX api_keys__service_account ON public.api_keys USING btree (service_account_id) WHERE (service_account_id IS NOT NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table assay_migrations
  digest text not null
  finished_at timestamp with time zone
  id integer not null
  name text not null
  started_at timestamp with time zone not null default now()
  constraint assay_migrations_pkey PRIMARY KEY (id)
  CREATE UNIQUE INDEX assay_migrations_pkey ON public.assay_migrations USING btree (id)

table asset_contents · row security forced
  digest text not null
  key_version integer
  object text not null
  org_id uuid not null
  released_at timestamp with time zone
  sealed_key bytea
  size_bytes bigint not null
  constraint asset_contents__digest CHECK ((digest ~ '^[0-9a-f]{64}$'::text))
  constraint asset_contents__pk PRIMARY KEY (org_id, digest)
  constraint asset_contents__sealed CHECK (((sealed_key IS NULL) = (key_version IS NULL)))
  constraint asset_contents__size CHECK ((size_bytes >= 0))
  CREATE INDEX asset_contents__key_version ON public.asset_contents USING btree (org_id, key_version) WHERE (key_version IS NOT NULL)
  CREATE INDEX asset_contents__object ON public.asset_contents USING btree (object)
  CREATE UNIQUE INDEX asset_contents__pk ON public.asset_contents USING btree (org_id, digest)
  CREATE INDEX asset_contents__released ON public.asset_contents USING btree (released_at) WHERE (released_at IS NOT NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  CREATE TRIGGER asset_contents__garbage AFTER DELETE ON public.asset_contents FOR EACH ROW EXECUTE FUNCTION assay_asset_garbage()
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table asset_garbage
  object text not null
  since timestamp with time zone not null default now()
  constraint asset_garbage__pk PRIMARY KEY (object)
  CREATE UNIQUE INDEX asset_garbage__pk ON public.asset_garbage USING btree (object)
  CREATE INDEX asset_garbage__since ON public.asset_garbage USING btree (since)
  grant INSERT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table asset_uploads · row security forced
  object text not null
  org_id uuid not null
  reserved_bytes bigint not null
  started_at timestamp with time zone not null default now()
  constraint asset_uploads__pk PRIMARY KEY (org_id, object)
  constraint asset_uploads__reserved CHECK ((reserved_bytes >= 0))
  CREATE UNIQUE INDEX asset_uploads__pk ON public.asset_uploads USING btree (org_id, object)
  CREATE INDEX asset_uploads__started ON public.asset_uploads USING btree (started_at)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  CREATE TRIGGER asset_uploads__garbage AFTER DELETE ON public.asset_uploads FOR EACH ROW EXECUTE FUNCTION assay_asset_garbage()
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table asset_usage · row security forced
  asset_count bigint not null default 0
  org_id uuid not null
  quota_bytes bigint
  reserved_bytes bigint not null default 0
  stored_bytes bigint not null default 0
  constraint asset_usage__amounts CHECK (((asset_count >= 0) AND (stored_bytes >= 0) AND (reserved_bytes >= 0)))
  constraint asset_usage__pk PRIMARY KEY (org_id)
  CREATE UNIQUE INDEX asset_usage__pk ON public.asset_usage USING btree (org_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table assets · row security forced
  created_at timestamp(3) with time zone not null default now()
  created_by text
  created_by_kind text
  digest text not null
  expires_at timestamp(3) with time zone
  filename text not null
  id uuid not null
  media_type text not null
  org_id uuid not null
  size_bytes bigint not null
  constraint assets__content FOREIGN KEY (org_id, digest) REFERENCES asset_contents(org_id, digest)
  constraint assets__digest CHECK ((digest ~ '^[0-9a-f]{64}$'::text))
  constraint assets__pk PRIMARY KEY (org_id, id)
  CREATE INDEX assets__by_digest ON public.assets USING btree (org_id, digest)
  CREATE INDEX assets__by_maker ON public.assets USING btree (org_id, created_by, created_at DESC, id DESC) WHERE (created_by IS NOT NULL)
  CREATE INDEX assets__expiry ON public.assets USING btree (expires_at) WHERE (expires_at IS NOT NULL)
  CREATE INDEX assets__list ON public.assets USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX assets__pk ON public.assets USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table attempt_throttles
  attempts integer not null
  blocked_until timestamp with time zone not null
  subject bytea not null
  updated_at timestamp with time zone not null default now()
  constraint attempt_throttles__pk PRIMARY KEY (subject)
  CREATE INDEX attempt_throttles__age ON public.attempt_throttles USING btree (updated_at)
  CREATE UNIQUE INDEX attempt_throttles__pk ON public.attempt_throttles USING btree (subject)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table audit_anchors · row security forced
  anchored_at timestamp with time zone
  destination text not null
  failures integer not null default 0
  last_error text
  next_at timestamp with time zone not null
  org_id uuid not null
  size bigint not null default 0
  constraint audit_anchors__destination CHECK ((destination = ANY (ARRAY['file'::text, 's3'::text, 'webhook'::text])))
  constraint audit_anchors__pk PRIMARY KEY (org_id, destination)
  CREATE UNIQUE INDEX audit_anchors__pk ON public.audit_anchors USING btree (org_id, destination)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant INSERT, SELECT, UPDATE to assay_system

table audit_entries · row security forced
  action text not null
  actor text not null
  at timestamp with time zone not null
  category text not null
  credential text not null
  detail jsonb not null
  id uuid not null
  leaf_hash bytea not null
  leaf_index bigint not null
  org_id uuid not null
  outcome text not null
  personal jsonb
  personal_digest bytea
  personal_salt bytea
  principal_id text not null
  principal_kind text not null
  request_id text not null
  target_id text
  target_type text
  trace_id text
  via text not null
  constraint audit_entries__id UNIQUE (org_id, id)
  constraint audit_entries__pk PRIMARY KEY (org_id, leaf_index)
  CREATE INDEX audit_entries__action ON public.audit_entries USING btree (org_id, action, at, leaf_index)
  CREATE INDEX audit_entries__all ON public.audit_entries USING btree (at, org_id, leaf_index)
  CREATE INDEX audit_entries__at ON public.audit_entries USING btree (org_id, at, leaf_index)
  CREATE UNIQUE INDEX audit_entries__id ON public.audit_entries USING btree (org_id, id)
  CREATE UNIQUE INDEX audit_entries__pk ON public.audit_entries USING btree (org_id, leaf_index)
  CREATE INDEX audit_entries__principal ON public.audit_entries USING btree (org_id, principal_id, at, leaf_index)
  CREATE INDEX audit_entries__target ON public.audit_entries USING btree (org_id, target_id, at, leaf_index) WHERE (target_id IS NOT NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant INSERT, SELECT to assay_system

table audit_leaves · row security forced
  action text not null
  actor_id text not null
  actor_kind text not null
  at timestamp with time zone not null default now()
  credential text not null
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
  constraint audit_leaves__outcome CHECK ((outcome = ANY (ARRAY['allowed'::text, 'refused'::text])))
  constraint audit_leaves__pk PRIMARY KEY (org_id, id)
  CREATE INDEX audit_leaves__order ON public.audit_leaves USING btree (id)
  CREATE UNIQUE INDEX audit_leaves__pk ON public.audit_leaves USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table audit_tiles · row security forced
  hashes bytea not null
  level smallint not null
  org_id uuid not null
  tile_index bigint not null
  constraint audit_tiles__pk PRIMARY KEY (org_id, level, tile_index)
  CREATE UNIQUE INDEX audit_tiles__pk ON public.audit_tiles USING btree (org_id, level, tile_index)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant INSERT, SELECT, UPDATE to assay_system

table audit_trees · row security forced
  checkpoint text not null
  checkpointed_at timestamp with time zone not null default now()
  frontier bytea not null
  org_id uuid not null
  root bytea not null
  size bigint not null
  told_at timestamp with time zone not null default '-infinity'::timestamp with time zone
  told_size bigint not null default 0
  constraint audit_trees__pk PRIMARY KEY (org_id)
  CREATE UNIQUE INDEX audit_trees__pk ON public.audit_trees USING btree (org_id)
  CREATE INDEX audit_trees__untold ON public.audit_trees USING btree (told_at) WHERE (told_size < size)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant INSERT, SELECT, UPDATE to assay_system

table billing_messages
  id text not null
  received_at timestamp with time zone not null default now()
  constraint billing_messages__pk PRIMARY KEY (id)
  CREATE INDEX billing_messages__age ON public.billing_messages USING btree (received_at)
  CREATE UNIQUE INDEX billing_messages__pk ON public.billing_messages USING btree (id)
  grant DELETE, INSERT, SELECT to assay_system

table budget_counters · row security forced
  budget_id uuid not null
  ceiling_micros bigint not null
  limit_micros bigint not null
  org_id uuid not null
  period_start timestamp with time zone not null
  reserved_micros bigint not null default 0
  spent_micros bigint not null default 0
  told_exceeded boolean not null default false
  told_percent integer not null default 0
  constraint budget_counters__budget FOREIGN KEY (org_id, budget_id) REFERENCES budgets(org_id, id) ON DELETE CASCADE
  constraint budget_counters__ceiling CHECK ((ceiling_micros >= limit_micros))
  constraint budget_counters__held CHECK (((spent_micros + reserved_micros) <= ceiling_micros))
  constraint budget_counters__pk PRIMARY KEY (org_id, budget_id, period_start)
  constraint budget_counters__reserved CHECK ((reserved_micros >= 0))
  constraint budget_counters__spent CHECK ((spent_micros >= 0))
  CREATE UNIQUE INDEX budget_counters__pk ON public.budget_counters USING btree (org_id, budget_id, period_start)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table budgets · row security forced
  created_at timestamp with time zone not null default now()
  created_by text not null
  id uuid not null
  limit_micros bigint not null
  name text not null
  org_id uuid not null
  period text not null
  scope_id text not null
  scope_kind text not null
  thresholds integer[] not null default '{}'::integer[]
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint budgets__limit CHECK (((limit_micros >= 0) AND (limit_micros <= '1000000000000000'::bigint)))
  constraint budgets__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint budgets__period CHECK ((period = ANY (ARRAY['day'::text, 'week'::text, 'month'::text, 'total'::text])))
  constraint budgets__pk PRIMARY KEY (org_id, id)
  constraint budgets__scope UNIQUE (org_id, scope_kind, scope_id, period)
  constraint budgets__scope_kind CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'team'::text, 'project'::text, 'key'::text, 'agent'::text, 'run'::text])))
  CREATE INDEX budgets__list ON public.budgets USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX budgets__pk ON public.budgets USING btree (org_id, id)
  CREATE UNIQUE INDEX budgets__scope ON public.budgets USING btree (org_id, scope_kind, scope_id, period)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table cached_answers · row security forced
  bytes integer not null
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone not null
  key bytea not null
  key_version integer not null
  org_id uuid not null
  sealed bytea not null
  constraint cached_answers__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint cached_answers__pk PRIMARY KEY (org_id, key)
  CREATE INDEX cached_answers__age ON public.cached_answers USING btree (expires_at)
  CREATE UNIQUE INDEX cached_answers__pk ON public.cached_answers USING btree (org_id, key)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table capture_policies · row security forced
  api_key_ids text[] not null
  is_on boolean not null
  org_id uuid not null
  patterns jsonb not null
  redactors text[] not null
  retention_days integer not null
  team_ids text[] not null
  updated_at timestamp with time zone not null default now()
  updated_by text not null
  version integer not null default 1
  constraint capture_policies__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint capture_policies__pk PRIMARY KEY (org_id)
  constraint capture_policies__retention CHECK (((retention_days >= 1) AND (retention_days <= 3650)))
  CREATE UNIQUE INDEX capture_policies__pk ON public.capture_policies USING btree (org_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table captures · row security forced
  api_key_id text
  at timestamp(3) with time zone not null
  cost_micros bigint
  failure text
  id uuid not null
  input_tokens bigint not null
  is_truncated boolean not null
  key_version integer not null
  model text not null
  operation text not null
  org_id uuid not null
  outcome text not null
  output_tokens bigint not null
  principal_id text not null
  principal_kind text not null
  provider text not null
  redactions integer not null
  request_id text
  response_id text
  sealed bytea not null
  size_bytes integer not null
  team_id text
  constraint captures__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint captures__outcome CHECK ((outcome = ANY (ARRAY['completed'::text, 'cancelled'::text, 'failed'::text])))
  constraint captures__pk PRIMARY KEY (org_id, id)
  CREATE INDEX captures__key ON public.captures USING btree (org_id, key_version)
  CREATE INDEX captures__list ON public.captures USING btree (org_id, at DESC, id DESC)
  CREATE UNIQUE INDEX captures__pk ON public.captures USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table credential_authorizations · row security forced
  credential_id uuid not null
  expires_at timestamp with time zone not null
  key_version integer not null
  org_id uuid not null
  redirect_uri text not null
  return_to text
  sealed bytea not null
  state_hash bytea not null
  user_id uuid not null
  constraint credential_authorizations__credential FOREIGN KEY (org_id, credential_id) REFERENCES credentials(org_id, id) ON DELETE CASCADE
  constraint credential_authorizations__pk PRIMARY KEY (state_hash)
  constraint credential_authorizations__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE INDEX credential_authorizations__age ON public.credential_authorizations USING btree (expires_at)
  CREATE INDEX credential_authorizations__of ON public.credential_authorizations USING btree (org_id, credential_id)
  CREATE UNIQUE INDEX credential_authorizations__pk ON public.credential_authorizations USING btree (state_hash)
  CREATE INDEX credential_authorizations__user ON public.credential_authorizations USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table credential_tokens · row security forced
  credential_id uuid not null
  expires_at timestamp with time zone
  failures integer not null default 0
  key_version integer
  lease_id uuid
  leased_until timestamp with time zone
  org_id uuid not null
  refresh_at timestamp with time zone
  retry_at timestamp with time zone
  sealed bytea
  subject text not null
  version integer not null default 0
  constraint credential_tokens__credential FOREIGN KEY (org_id, credential_id) REFERENCES credentials(org_id, id) ON DELETE CASCADE
  constraint credential_tokens__pk PRIMARY KEY (org_id, credential_id, subject)
  CREATE INDEX credential_tokens__age ON public.credential_tokens USING btree (expires_at)
  CREATE INDEX credential_tokens__key ON public.credential_tokens USING btree (org_id, key_version)
  CREATE UNIQUE INDEX credential_tokens__pk ON public.credential_tokens USING btree (org_id, credential_id, subject)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table credentials · row security forced
  allow_user_override boolean not null default false
  created_at timestamp with time zone not null default now()
  created_by uuid
  id uuid not null
  key_version integer
  kind text not null
  last_minted_at timestamp with time zone
  last_minted_status text
  name text not null
  org_id uuid not null
  provider text
  provider_config jsonb not null default '{}'::jsonb
  revoked_at timestamp with time zone
  scopes text[] not null default '{}'::text[]
  sealed bytea
  sealed_version integer not null default 1
  status text not null
  updated_at timestamp with time zone not null default now()
  user_id uuid
  constraint credentials__kind CHECK ((kind = ANY (ARRAY['oauth2_authorization_code'::text, 'oauth2_client_credentials'::text, 'oauth2_jwt_bearer'::text, 'oauth2_jwt_bearer_with_subject'::text, 'oauth2_client_assertion'::text, 'api_key'::text, 'basic_auth'::text, 'query_api_key'::text])))
  constraint credentials__member FOREIGN KEY (org_id, user_id) REFERENCES memberships(org_id, user_id) ON DELETE CASCADE
  constraint credentials__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint credentials__override CHECK (((user_id IS NULL) OR (NOT allow_user_override)))
  constraint credentials__pk PRIMARY KEY (org_id, id)
  constraint credentials__revoked CHECK (((status = 'revoked'::text) = (sealed IS NULL)))
  constraint credentials__status CHECK ((status = ANY (ARRAY['active'::text, 'needs_reauth'::text, 'failed'::text, 'revoked'::text])))
  CREATE INDEX credentials__age ON public.credentials USING btree (revoked_at) WHERE (revoked_at IS NOT NULL)
  CREATE INDEX credentials__key ON public.credentials USING btree (org_id, key_version)
  CREATE INDEX credentials__list ON public.credentials USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX credentials__name ON public.credentials USING btree (org_id, user_id, name) NULLS NOT DISTINCT WHERE (status <> 'revoked'::text)
  CREATE UNIQUE INDEX credentials__pk ON public.credentials USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table custom_roles · row security forced
  created_at timestamp with time zone not null default now()
  description text not null default ''::text
  id uuid not null
  name text not null
  org_id uuid not null
  scopes text[] not null
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint custom_roles__name UNIQUE (org_id, name)
  constraint custom_roles__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint custom_roles__pk PRIMARY KEY (org_id, id)
  CREATE UNIQUE INDEX custom_roles__name ON public.custom_roles USING btree (org_id, name)
  CREATE UNIQUE INDEX custom_roles__pk ON public.custom_roles USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table data_keys · row security forced
  created_at timestamp with time zone not null default now()
  org_id uuid not null
  purpose text not null
  root_version integer not null
  version integer not null
  wrapped bytea not null
  constraint data_keys__pk PRIMARY KEY (org_id, purpose, version)
  constraint data_keys__root FOREIGN KEY (root_version) REFERENCES root_keys(version)
  CREATE UNIQUE INDEX data_keys__pk ON public.data_keys USING btree (org_id, purpose, version)
  CREATE INDEX data_keys__root ON public.data_keys USING btree (root_version)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table device_authorizations · row security forced
  address text
  claimed_at timestamp with time zone
  client_id text not null
  created_at timestamp with time zone not null default now()
  decided_at timestamp with time zone
  decided_by uuid
  decision text
  device_code_hash bytea not null
  device_name text not null default ''::text
  expires_at timestamp with time zone not null
  id uuid not null
  interval_seconds integer not null
  org_id uuid
  polled_at timestamp with time zone
  scopes text[]
  software text not null default ''::text
  user_code_hash bytea not null
  constraint device_authorizations__claimed CHECK (((claimed_at IS NULL) OR (decision = 'approved'::text)))
  constraint device_authorizations__decided CHECK (((decision IS NULL) = (decided_at IS NULL)))
  constraint device_authorizations__decided_by FOREIGN KEY (decided_by) REFERENCES users(id) ON DELETE CASCADE
  constraint device_authorizations__decision CHECK ((decision = ANY (ARRAY['approved'::text, 'denied'::text])))
  constraint device_authorizations__device_code UNIQUE (device_code_hash)
  constraint device_authorizations__org_id FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE CASCADE
  constraint device_authorizations__pk PRIMARY KEY (id)
  constraint device_authorizations__user_code UNIQUE (user_code_hash)
  CREATE INDEX device_authorizations__age ON public.device_authorizations USING btree (expires_at)
  CREATE INDEX device_authorizations__decider ON public.device_authorizations USING btree (decided_by)
  CREATE UNIQUE INDEX device_authorizations__device_code ON public.device_authorizations USING btree (device_code_hash)
  CREATE INDEX device_authorizations__org ON public.device_authorizations USING btree (org_id)
  CREATE UNIQUE INDEX device_authorizations__pk ON public.device_authorizations USING btree (id)
  CREATE UNIQUE INDEX device_authorizations__user_code ON public.device_authorizations USING btree (user_code_hash)
  policy system ALL to {assay_system} using true check true
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
  workflow_item integer
  workflow_node text
  workflow_run_id uuid
  constraint evaluations__leased CHECK (((lease_expires_at IS NOT NULL) = (state = 'running'::text)))
  constraint evaluations__node CHECK ((num_nulls(workflow_run_id, workflow_node, workflow_item) = ANY (ARRAY[0, 3])))
  constraint evaluations__pk PRIMARY KEY (id)
  constraint evaluations__priority CHECK (((priority >= 0) AND (priority <= 2000)))
  constraint evaluations__state CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'completed'::text, 'failed'::text, 'timeout'::text, 'cancelled'::text])))
  constraint evaluations__terminal CHECK (((completed_at IS NOT NULL) = (state = ANY (ARRAY['completed'::text, 'failed'::text, 'timeout'::text, 'cancelled'::text]))))
  CREATE INDEX evaluations__age ON public.evaluations USING btree (completed_at) WHERE (completed_at IS NOT NULL)
  CREATE INDEX evaluations__by_owner ON public.evaluations USING btree (org_id, created_by, seq DESC)
  CREATE INDEX evaluations__by_runner ON public.evaluations USING btree (runner_id) WHERE (state = 'running'::text)
  CREATE INDEX evaluations__dead ON public.evaluations USING btree (org_id, seq DESC) WHERE (dead_lettered_at IS NOT NULL)
  CREATE INDEX evaluations__leases ON public.evaluations USING btree (lease_expires_at) WHERE (state = 'running'::text)
  CREATE INDEX evaluations__list ON public.evaluations USING btree (org_id, seq DESC)
  CREATE INDEX evaluations__list_by_state ON public.evaluations USING btree (org_id, state, seq DESC)
  CREATE INDEX evaluations__of_run ON public.evaluations USING btree (org_id, workflow_run_id, seq DESC) WHERE (workflow_run_id IS NOT NULL)
  CREATE UNIQUE INDEX evaluations__pk ON public.evaluations USING btree (id)
  CREATE INDEX evaluations__queue ON public.evaluations USING btree (org_id, priority DESC, seq) INCLUDE (requirement) WHERE (state = 'queued'::text)
  CREATE INDEX evaluations__running ON public.evaluations USING btree (org_id, started_at DESC) WHERE (state = 'running'::text)
  CREATE INDEX evaluations__served ON public.evaluations USING btree (org_id, started_at DESC)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  CREATE TRIGGER evaluations__wake_node AFTER UPDATE OF state ON public.evaluations FOR EACH ROW WHEN (((new.workflow_run_id IS NOT NULL) AND (new.completed_at IS NOT NULL) AND (old.completed_at IS NULL))) EXECUTE FUNCTION assay_wake_workflow_node()
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table event_floor
  id bigint not null
  is_only boolean not null default true
  xid xid8 not null
  constraint event_floor__is_only CHECK (is_only)
  constraint event_floor__pk PRIMARY KEY (is_only)
  CREATE UNIQUE INDEX event_floor__pk ON public.event_floor USING btree (is_only)
  grant SELECT to assay_app
  grant SELECT to assay_system

table events · row security forced
  data jsonb not null
  id bigint not null default nextval('events__id'::regclass)
  occurred_at timestamp with time zone not null default now()
  org_id uuid not null
  subject text not null
  type text not null
  xid xid8 not null default pg_current_xact_id()
  constraint events__pk PRIMARY KEY (org_id, xid, id, occurred_at)
  CREATE INDEX events__by_subject ON ONLY public.events USING btree (org_id, subject, xid, id)
  CREATE INDEX events__order ON ONLY public.events USING btree (xid, id)
  CREATE UNIQUE INDEX events__pk ON ONLY public.events USING btree (org_id, xid, id, occurred_at)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table federated_identities · row security forced
  created_at timestamp with time zone not null default now()
  last_used_at timestamp with time zone not null default now()
  org_id uuid not null
  provider_id uuid not null
  subject text not null
  user_id uuid not null
  constraint federated_identities__pk PRIMARY KEY (org_id, provider_id, subject)
  constraint federated_identities__provider FOREIGN KEY (org_id, provider_id) REFERENCES identity_providers(org_id, id) ON DELETE CASCADE
  constraint federated_identities__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE UNIQUE INDEX federated_identities__pk ON public.federated_identities USING btree (org_id, provider_id, subject)
  CREATE INDEX federated_identities__user ON public.federated_identities USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

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

table identity_provider_domains · row security forced
  domain text not null
  org_id uuid not null
  proof text not null
  provider_id uuid not null
  verified_at timestamp with time zone
  verified_by text
  constraint identity_provider_domains__domain_lower CHECK ((domain = lower(domain)))
  constraint identity_provider_domains__pk PRIMARY KEY (org_id, provider_id, domain)
  constraint identity_provider_domains__provider FOREIGN KEY (org_id, provider_id) REFERENCES identity_providers(org_id, id) ON DELETE CASCADE
  constraint identity_provider_domains__verified CHECK (((verified_at IS NULL) = (verified_by IS NULL)))
  CREATE UNIQUE INDEX identity_provider_domains__pk ON public.identity_provider_domains USING btree (org_id, provider_id, domain)
  CREATE UNIQUE INDEX identity_provider_domains__verified_once ON public.identity_provider_domains USING btree (domain) WHERE (verified_at IS NOT NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table identity_providers · row security forced
  client_id text not null
  created_at timestamp with time zone not null default now()
  creates_members boolean not null
  default_role text
  disabled_at timestamp with time zone
  id uuid not null
  issuer text not null
  name text not null
  org_id uuid not null
  role_claim text
  role_mapping jsonb not null
  scopes text[] not null
  sealed_client_secret bytea
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint identity_providers__default_role CHECK ((default_role = ANY (ARRAY['viewer'::text, 'developer'::text, 'operator'::text, 'admin'::text])))
  constraint identity_providers__id UNIQUE (id)
  constraint identity_providers__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint identity_providers__pk PRIMARY KEY (org_id, id)
  CREATE UNIQUE INDEX identity_providers__id ON public.identity_providers USING btree (id)
  CREATE UNIQUE INDEX identity_providers__pk ON public.identity_providers USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table invitations · row security forced
  created_at timestamp with time zone not null default now()
  custom_role_id uuid
  email text not null
  expires_at timestamp with time zone not null
  id uuid not null
  invited_by text not null
  invited_by_kind text not null
  org_id uuid not null
  role text not null
  settled_at timestamp with time zone
  state text not null default 'pending'::text
  token_hash bytea not null
  constraint invitations__custom_role FOREIGN KEY (org_id, custom_role_id) REFERENCES custom_roles(org_id, id)
  constraint invitations__email_lower CHECK ((email = lower(email)))
  constraint invitations__id UNIQUE (id)
  constraint invitations__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint invitations__owner CHECK (((role <> 'owner'::text) OR (custom_role_id IS NULL)))
  constraint invitations__pk PRIMARY KEY (org_id, id)
  constraint invitations__role CHECK ((role = ANY (ARRAY['viewer'::text, 'developer'::text, 'operator'::text, 'admin'::text, 'owner'::text])))
  constraint invitations__settled CHECK (((settled_at IS NULL) = (state = 'pending'::text)))
  constraint invitations__state CHECK ((state = ANY (ARRAY['pending'::text, 'accepted'::text, 'declined'::text, 'revoked'::text, 'expired'::text])))
  constraint invitations__token_hash UNIQUE (token_hash)
  CREATE INDEX invitations__age ON public.invitations USING btree (expires_at)
  CREATE INDEX invitations__custom_role ON public.invitations USING btree (org_id, custom_role_id)
  CREATE UNIQUE INDEX invitations__id ON public.invitations USING btree (id)
  CREATE INDEX invitations__list ON public.invitations USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX invitations__pending ON public.invitations USING btree (org_id, email) WHERE (state = 'pending'::text)
  CREATE UNIQUE INDEX invitations__pk ON public.invitations USING btree (org_id, id)
  CREATE UNIQUE INDEX invitations__token_hash ON public.invitations USING btree (token_hash)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table logins · row security forced
  address text
  client text not null default ''::text
  client_id text
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone not null
  id uuid not null
  last_seen_at timestamp with time zone not null default now()
  method text not null
  org_id uuid
  revoked_at timestamp with time zone
  scopes text[]
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

table mail_outbox
  attempts integer not null default 0
  created_at timestamp with time zone not null default now()
  id uuid not null
  next_attempt_at timestamp with time zone not null default now()
  sealed bytea not null
  constraint mail_outbox__pk PRIMARY KEY (id)
  CREATE INDEX mail_outbox__due ON public.mail_outbox USING btree (next_attempt_at)
  CREATE UNIQUE INDEX mail_outbox__pk ON public.mail_outbox USING btree (id)
  grant INSERT to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table memberships · row security forced
  created_at timestamp with time zone not null default now()
  custom_role_id uuid
  org_id uuid not null
  role text not null
  user_id uuid not null
  version integer not null default 1
  constraint memberships__custom_role FOREIGN KEY (org_id, custom_role_id) REFERENCES custom_roles(org_id, id)
  constraint memberships__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint memberships__owner CHECK (((role <> 'owner'::text) OR (custom_role_id IS NULL)))
  constraint memberships__pk PRIMARY KEY (org_id, user_id)
  constraint memberships__role CHECK ((role = ANY (ARRAY['viewer'::text, 'developer'::text, 'operator'::text, 'admin'::text, 'owner'::text])))
  constraint memberships__user_id FOREIGN KEY (user_id) REFERENCES users(id)
  CREATE INDEX memberships__custom_role ON public.memberships USING btree (org_id, custom_role_id)
  CREATE INDEX memberships__list ON public.memberships USING btree (org_id, created_at DESC, user_id DESC)
  CREATE UNIQUE INDEX memberships__pk ON public.memberships USING btree (org_id, user_id)
  CREATE INDEX memberships__user ON public.memberships USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table model_policies · row security forced
  cache_sampled boolean not null default false
  cache_ttl_seconds integer
  created_at timestamp with time zone not null default now()
  models text[]
  org_id uuid not null
  providers text[]
  subject_id uuid not null
  subject_kind text not null
  team_id uuid
  tokens_per_minute integer
  updated_at timestamp with time zone not null default now()
  updated_by text not null
  version integer not null default 1
  constraint model_policies__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint model_policies__pk PRIMARY KEY (org_id, subject_kind, subject_id)
  constraint model_policies__subject_kind CHECK ((subject_kind = ANY (ARRAY['organization'::text, 'team'::text, 'api_key'::text])))
  constraint model_policies__team FOREIGN KEY (org_id, team_id) REFERENCES teams(org_id, id) ON DELETE SET NULL (team_id)
  constraint model_policies__team_of_key CHECK (((team_id IS NULL) OR (subject_kind = 'api_key'::text)))
  constraint model_policies__tokens CHECK ((tokens_per_minute > 0))
  constraint model_policies__ttl CHECK ((cache_ttl_seconds >= 0))
  CREATE UNIQUE INDEX model_policies__pk ON public.model_policies USING btree (org_id, subject_kind, subject_id)
  CREATE INDEX model_policies__team ON public.model_policies USING btree (org_id, team_id) WHERE (team_id IS NOT NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table one_time_tokens · row security forced
  created_at timestamp with time zone not null default now()
  email text not null
  expires_at timestamp with time zone not null
  hash bytea not null
  name text
  password_hash text
  purpose text not null
  user_id uuid
  constraint one_time_tokens__about CHECK (
CASE
    WHEN (purpose = 'sign_up'::text) THEN ((user_id IS NULL) AND (name IS NOT NULL) AND (password_hash IS NOT NULL))
    ELSE ((user_id IS NOT NULL) AND (name IS NULL) AND (password_hash IS NULL))
END)
  constraint one_time_tokens__pk PRIMARY KEY (hash)
  constraint one_time_tokens__purpose CHECK ((purpose = ANY (ARRAY['password_reset'::text, 'email_change'::text, 'sign_up'::text])))
  constraint one_time_tokens__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE INDEX one_time_tokens__age ON public.one_time_tokens USING btree (expires_at)
  CREATE INDEX one_time_tokens__email ON public.one_time_tokens USING btree (email)
  CREATE UNIQUE INDEX one_time_tokens__pk ON public.one_time_tokens USING btree (hash)
  CREATE INDEX one_time_tokens__user ON public.one_time_tokens USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT to assay_system

table organizations · row security forced
  created_at timestamp with time zone not null default now()
  deleted_at timestamp with time zone
  erase_after timestamp with time zone
  erased_at timestamp with time zone
  id uuid not null
  name text not null
  posture text not null default 'active'::text
  slug text not null
  trial_ends_at timestamp with time zone
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint organizations__deleted CHECK (((deleted_at IS NULL) = (erase_after IS NULL)))
  constraint organizations__pk PRIMARY KEY (id)
  constraint organizations__posture CHECK ((posture = ANY (ARRAY['active'::text, 'trial'::text, 'past_due'::text, 'decommissioning'::text])))
  constraint organizations__slug UNIQUE (slug)
  CREATE INDEX organizations__deleted ON public.organizations USING btree (erase_after) WHERE ((deleted_at IS NOT NULL) AND (erased_at IS NULL))
  CREATE UNIQUE INDEX organizations__pk ON public.organizations USING btree (id)
  CREATE UNIQUE INDEX organizations__slug ON public.organizations USING btree (slug)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (id = (current_setting('assay.org_id'::text))::uuid) check (id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table passkey_challenges · row security forced
  expires_at timestamp with time zone not null
  hash bytea not null
  user_id uuid
  constraint passkey_challenges__pk PRIMARY KEY (hash)
  constraint passkey_challenges__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE INDEX passkey_challenges__age ON public.passkey_challenges USING btree (expires_at)
  CREATE UNIQUE INDEX passkey_challenges__pk ON public.passkey_challenges USING btree (hash)
  CREATE INDEX passkey_challenges__user ON public.passkey_challenges USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT to assay_system

table passkeys · row security forced
  counter bigint not null
  created_at timestamp with time zone not null default now()
  credential_id bytea not null
  id uuid not null
  is_backed_up boolean not null
  last_used_at timestamp with time zone
  name text not null
  public_key bytea not null
  transports text[] not null
  user_id uuid not null
  constraint passkeys__credential_id UNIQUE (credential_id)
  constraint passkeys__pk PRIMARY KEY (id)
  constraint passkeys__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE UNIQUE INDEX passkeys__credential_id ON public.passkeys USING btree (credential_id)
  CREATE UNIQUE INDEX passkeys__pk ON public.passkeys USING btree (id)
  CREATE INDEX passkeys__user ON public.passkeys USING btree (user_id, created_at)
  policy system ALL to {assay_system} using true check true
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

table price_overrides · row security forced
  created_at timestamp with time zone not null default now()
  created_by text not null
  effective_from timestamp(3) with time zone not null
  model text not null
  org_id uuid not null
  price jsonb
  provider text not null
  version integer not null
  constraint price_overrides__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint price_overrides__pk PRIMARY KEY (org_id, provider, model, version)
  CREATE UNIQUE INDEX price_overrides__pk ON public.price_overrides USING btree (org_id, provider, model, version)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table providers · row security forced
  archived_at timestamp with time zone
  base_url text
  config jsonb not null default '{}'::jsonb
  created_at timestamp with time zone not null default now()
  created_by uuid
  credential_id uuid
  default_model text
  display_name text not null
  id uuid not null
  key_hint text
  key_version integer
  kind text not null
  models jsonb not null default '[]'::jsonb
  name text not null
  org_id uuid not null
  sealed_key bytea
  secret text
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint providers__key CHECK (((sealed_key IS NULL) = (key_version IS NULL)))
  constraint providers__kind CHECK ((kind = ANY (ARRAY['anthropic'::text, 'openai'::text, 'gemini'::text, 'azure-openai'::text, 'vertex'::text, 'openai-compatible'::text, 'ollama'::text])))
  constraint providers__name UNIQUE (org_id, name)
  constraint providers__one_key CHECK ((num_nonnulls(sealed_key, credential_id, secret) <= 1))
  constraint providers__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint providers__pk PRIMARY KEY (org_id, id)
  constraint providers__secret FOREIGN KEY (org_id, secret) REFERENCES secrets(org_id, name)
  CREATE INDEX providers__by_secret ON public.providers USING btree (org_id, secret)
  CREATE UNIQUE INDEX providers__name ON public.providers USING btree (org_id, name)
  CREATE UNIQUE INDEX providers__pk ON public.providers USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table rate_windows
  ends_at timestamp with time zone not null
  granted integer not null
  name text not null
  used integer not null
  constraint rate_windows__pk PRIMARY KEY (name)
  CREATE INDEX rate_windows__age ON public.rate_windows USING btree (ends_at)
  CREATE UNIQUE INDEX rate_windows__pk ON public.rate_windows USING btree (name)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table recovery_codes · row security forced
  created_at timestamp with time zone not null default now()
  hash bytea not null
  user_id uuid not null
  constraint recovery_codes__pk PRIMARY KEY (user_id, hash)
  constraint recovery_codes__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE UNIQUE INDEX recovery_codes__pk ON public.recovery_codes USING btree (user_id, hash)
  policy system ALL to {assay_system} using true check true
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

table reservations · row security forced
  amount_micros bigint not null
  claims json not null
  held json not null
  id uuid not null
  lease_expires_at timestamp with time zone not null
  node_id uuid not null
  org_id uuid not null
  progress_micros bigint not null default 0
  progress_tokens json not null default '{}'::json
  reserved_at timestamp(3) with time zone not null
  constraint reservations__amount CHECK ((amount_micros >= 0))
  constraint reservations__pk PRIMARY KEY (org_id, id)
  constraint reservations__progress CHECK (((progress_micros >= 0) AND (progress_micros <= amount_micros)))
  CREATE UNIQUE INDEX reservations__pk ON public.reservations USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table root_key_wrappings
  created_at timestamp with time zone not null default now()
  master_key_id text not null
  root_version integer not null
  wrapped bytea not null
  constraint root_key_wrappings__pk PRIMARY KEY (root_version, master_key_id)
  constraint root_key_wrappings__root FOREIGN KEY (root_version) REFERENCES root_keys(version) ON DELETE CASCADE
  CREATE UNIQUE INDEX root_key_wrappings__pk ON public.root_key_wrappings USING btree (root_version, master_key_id)
  grant DELETE, INSERT, SELECT to assay_system

table root_keys
  created_at timestamp with time zone not null default now()
  master_key_id text not null
  version integer not null
  constraint root_keys__pk PRIMARY KEY (version)
  CREATE UNIQUE INDEX root_keys__pk ON public.root_keys USING btree (version)
  grant DELETE, INSERT, SELECT to assay_system

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

table second_factor_challenges · row security forced
  attempts integer not null default 0
  client text not null
  expires_at timestamp with time zone not null
  hash bytea not null
  user_id uuid not null
  constraint second_factor_challenges__pk PRIMARY KEY (hash)
  constraint second_factor_challenges__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE INDEX second_factor_challenges__age ON public.second_factor_challenges USING btree (expires_at)
  CREATE UNIQUE INDEX second_factor_challenges__pk ON public.second_factor_challenges USING btree (hash)
  CREATE INDEX second_factor_challenges__user ON public.second_factor_challenges USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table secret_versions · row security forced
  created_at timestamp with time zone not null default now()
  created_by uuid
  encoding text not null
  key_version integer not null
  org_id uuid not null
  sealed bytea
  secret_id uuid not null
  size_bytes integer not null
  version integer not null
  constraint secret_versions__encoding CHECK ((encoding = ANY (ARRAY['text'::text, 'base64'::text])))
  constraint secret_versions__pk PRIMARY KEY (org_id, secret_id, version)
  constraint secret_versions__secret FOREIGN KEY (org_id, secret_id) REFERENCES secrets(org_id, id) ON DELETE CASCADE
  constraint secret_versions__size CHECK ((size_bytes <= 65536))
  CREATE INDEX secret_versions__key ON public.secret_versions USING btree (org_id, key_version)
  CREATE UNIQUE INDEX secret_versions__pk ON public.secret_versions USING btree (org_id, secret_id, version)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table secrets · row security forced
  created_at timestamp with time zone not null default now()
  created_by uuid
  description text not null default ''::text
  id uuid not null
  last_used_at timestamp with time zone
  name text not null
  org_id uuid not null
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint secrets__name UNIQUE (org_id, name)
  constraint secrets__name_form CHECK ((name ~ '^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$'::text))
  constraint secrets__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint secrets__pk PRIMARY KEY (org_id, id)
  CREATE UNIQUE INDEX secrets__name ON public.secrets USING btree (org_id, name)
  CREATE UNIQUE INDEX secrets__pk ON public.secrets USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table signing_keys
  created_at timestamp with time zone not null default now()
  id text not null
  public_jwk jsonb not null
  purpose text not null
  retired_at timestamp with time zone
  sealed_private bytea not null
  verifies_until timestamp with time zone
  constraint signing_keys__pk PRIMARY KEY (id)
  constraint signing_keys__purpose CHECK ((purpose ~ '^[a-z_]{1,40}$'::text))
  CREATE UNIQUE INDEX signing_keys__active ON public.signing_keys USING btree (purpose) WHERE (retired_at IS NULL)
  CREATE UNIQUE INDEX signing_keys__pk ON public.signing_keys USING btree (id)
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table sso_attempts · row security forced
  browser_hash bytea not null
  client text not null
  expires_at timestamp with time zone not null
  org_id uuid not null
  provider_id uuid not null
  return_to text not null
  sealed_secrets bytea not null
  state_hash bytea not null
  constraint sso_attempts__pk PRIMARY KEY (state_hash)
  constraint sso_attempts__provider FOREIGN KEY (org_id, provider_id) REFERENCES identity_providers(org_id, id) ON DELETE CASCADE
  CREATE INDEX sso_attempts__age ON public.sso_attempts USING btree (expires_at)
  CREATE UNIQUE INDEX sso_attempts__pk ON public.sso_attempts USING btree (state_hash)
  CREATE INDEX sso_attempts__provider ON public.sso_attempts USING btree (org_id, provider_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT to assay_system

table team_members · row security forced
  created_at timestamp with time zone not null default now()
  org_id uuid not null
  role text not null
  team_id uuid not null
  user_id uuid not null
  constraint team_members__member FOREIGN KEY (org_id, user_id) REFERENCES memberships(org_id, user_id) ON DELETE CASCADE
  constraint team_members__pk PRIMARY KEY (org_id, team_id, user_id)
  constraint team_members__role CHECK ((role = ANY (ARRAY['maintainer'::text, 'member'::text])))
  constraint team_members__team FOREIGN KEY (org_id, team_id) REFERENCES teams(org_id, id) ON DELETE CASCADE
  CREATE INDEX team_members__member ON public.team_members USING btree (org_id, user_id)
  CREATE UNIQUE INDEX team_members__pk ON public.team_members USING btree (org_id, team_id, user_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table teams · row security forced
  created_at timestamp with time zone not null default now()
  description text not null default ''::text
  id uuid not null
  name text not null
  org_id uuid not null
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  constraint teams__name UNIQUE (org_id, name)
  constraint teams__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint teams__pk PRIMARY KEY (org_id, id)
  CREATE INDEX teams__list ON public.teams USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX teams__name ON public.teams USING btree (org_id, name)
  CREATE UNIQUE INDEX teams__pk ON public.teams USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table totp_authenticators · row security forced
  confirmed_at timestamp with time zone
  created_at timestamp with time zone not null default now()
  last_step bigint not null default 0
  sealed_secret bytea not null
  user_id uuid not null
  constraint totp_authenticators__pk PRIMARY KEY (user_id)
  constraint totp_authenticators__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
  CREATE UNIQUE INDEX totp_authenticators__pk ON public.totp_authenticators USING btree (user_id)
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table usage_records · row security forced
  agent_id text
  api_key_id text
  at timestamp(3) with time zone not null
  audio_tokens bigint not null default 0
  cache_read_tokens bigint not null default 0
  cache_write_tokens bigint not null default 0
  cost_micros bigint not null
  id uuid not null
  image_tokens bigint not null default 0
  input_tokens bigint not null default 0
  is_batch boolean not null default false
  is_estimated boolean not null default false
  model text not null
  org_id uuid not null
  outcome text not null
  output_tokens bigint not null default 0
  overrun_micros bigint not null default 0
  price_version text not null
  principal_id text not null
  principal_kind text not null
  project_id text
  provider text not null
  reasoning_tokens bigint not null default 0
  request_id text
  settled_at timestamp with time zone not null default now()
  tags jsonb not null default '{}'::jsonb
  team_id text
  work_id text
  work_type text
  constraint usage_records__cost CHECK (((cost_micros >= 0) AND (overrun_micros >= 0)))
  constraint usage_records__outcome CHECK ((outcome = ANY (ARRAY['completed'::text, 'cancelled'::text, 'failed'::text, 'lost'::text])))
  constraint usage_records__pk PRIMARY KEY (org_id, id, at)
  CREATE INDEX usage_records__list ON ONLY public.usage_records USING btree (org_id, at DESC, id DESC)
  CREATE UNIQUE INDEX usage_records__pk ON ONLY public.usage_records USING btree (org_id, id, at)
  CREATE INDEX usage_records__principal ON ONLY public.usage_records USING btree (org_id, principal_id, at DESC, id DESC)
  CREATE INDEX usage_records__work ON ONLY public.usage_records USING btree (org_id, work_id, at DESC, id DESC) WHERE (work_id IS NOT NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant DELETE, INSERT, SELECT to assay_system

table usage_rollups · row security forced
  agent_id text
  api_key_id text
  audio_tokens bigint not null
  bucket uuid not null
  cache_read_tokens bigint not null
  cache_write_tokens bigint not null
  cost_micros bigint not null
  hour timestamp with time zone not null
  image_tokens bigint not null
  input_tokens bigint not null
  model text not null
  org_id uuid not null
  output_tokens bigint not null
  overrun_micros bigint not null
  principal_id text not null
  principal_kind text not null
  project_id text
  provider text not null
  reasoning_tokens bigint not null
  records bigint not null
  team_id text
  work_type text
  constraint usage_rollups__pk PRIMARY KEY (org_id, hour, bucket)
  CREATE UNIQUE INDEX usage_rollups__pk ON public.usage_rollups USING btree (org_id, hour, bucket)
  CREATE INDEX usage_rollups__principal ON public.usage_rollups USING btree (org_id, principal_id, hour)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant SELECT to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table users · row security forced
  created_at timestamp with time zone not null default now()
  description text not null default ''::text
  disabled_at timestamp with time zone
  email text not null
  id uuid not null
  kind text not null default 'person'::text
  name text not null
  password_hash text
  version integer not null default 1
  constraint users__email_lower CHECK ((email = lower(email)))
  constraint users__kind CHECK ((kind = ANY (ARRAY['person'::text, 'service'::text])))
  constraint users__pk PRIMARY KEY (id)
  CREATE UNIQUE INDEX users__email ON public.users USING btree (email)
  CREATE UNIQUE INDEX users__pk ON public.users USING btree (id)
  policy member SELECT to {assay_app} using (EXISTS ( SELECT 1
   FROM memberships m
  WHERE (m.user_id = users.id))) check null
  policy service_changed UPDATE to {assay_app} using ((kind = 'service'::text) AND (EXISTS ( SELECT 1
   FROM memberships m
  WHERE (m.user_id = users.id)))) check (kind = 'service'::text)
  policy service_made INSERT to {assay_app} using null check (kind = 'service'::text)
  policy system ALL to {assay_system} using true check true
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table webhook_attempts · row security forced
  answer text
  at timestamp with time zone not null
  delivery_id uuid not null
  duration_ms integer not null
  error text
  number integer not null
  org_id uuid not null
  status integer
  constraint webhook_attempts__delivery FOREIGN KEY (org_id, delivery_id) REFERENCES webhook_deliveries(org_id, id) ON DELETE CASCADE
  constraint webhook_attempts__pk PRIMARY KEY (org_id, delivery_id, number)
  CREATE UNIQUE INDEX webhook_attempts__pk ON public.webhook_attempts USING btree (org_id, delivery_id, number)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table webhook_deliveries · row security forced
  attempts integer not null default 0
  body text not null
  created_at timestamp with time zone not null default now()
  due_at timestamp with time zone not null
  ended_at timestamp with time zone
  event_type text not null
  failures integer not null default 0
  fence integer not null default 0
  id uuid not null default gen_random_uuid()
  is_sending boolean not null default false
  kind text not null
  last_error text
  last_status integer
  message_id text not null
  org_id uuid not null
  state text not null default 'pending'::text
  subject text not null
  webhook_id uuid not null
  constraint webhook_deliveries__ended CHECK (((state = 'pending'::text) = (ended_at IS NULL)))
  constraint webhook_deliveries__kind CHECK ((kind = ANY (ARRAY['event'::text, 'test'::text])))
  constraint webhook_deliveries__message UNIQUE (org_id, webhook_id, message_id)
  constraint webhook_deliveries__pk PRIMARY KEY (org_id, id)
  constraint webhook_deliveries__sending CHECK (((state = 'pending'::text) OR (NOT is_sending)))
  constraint webhook_deliveries__state CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
  CREATE INDEX webhook_deliveries__age ON public.webhook_deliveries USING btree (created_at)
  CREATE INDEX webhook_deliveries__due ON public.webhook_deliveries USING btree (org_id, webhook_id, due_at) WHERE (state = 'pending'::text)
  CREATE INDEX webhook_deliveries__list ON public.webhook_deliveries USING btree (org_id, webhook_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX webhook_deliveries__message ON public.webhook_deliveries USING btree (org_id, webhook_id, message_id)
  CREATE UNIQUE INDEX webhook_deliveries__pk ON public.webhook_deliveries USING btree (org_id, id)
  CREATE INDEX webhook_deliveries__sending ON public.webhook_deliveries USING btree (org_id, webhook_id) WHERE is_sending
  CREATE INDEX webhook_deliveries__tests ON public.webhook_deliveries USING btree (org_id, webhook_id, due_at) WHERE ((state = 'pending'::text) AND (kind = 'test'::text))
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table webhook_progress · row security forced
  consecutive_failures integer not null default 0
  failing_since timestamp with time zone
  org_id uuid not null
  paused_until timestamp with time zone
  read_id bigint not null default 0
  read_xid xid8 not null default pg_current_xact_id()
  webhook_id uuid not null
  constraint webhook_progress__failing CHECK (((consecutive_failures = 0) = (failing_since IS NULL)))
  constraint webhook_progress__pk PRIMARY KEY (org_id, webhook_id)
  constraint webhook_progress__webhook FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks(org_id, id) ON DELETE CASCADE
  CREATE UNIQUE INDEX webhook_progress__pk ON public.webhook_progress USING btree (org_id, webhook_id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table webhook_secrets · row security forced
  created_at timestamp with time zone not null default now()
  expires_at timestamp with time zone
  key_version integer not null
  org_id uuid not null
  sealed_secret bytea not null
  version integer not null
  webhook_id uuid not null
  constraint webhook_secrets__pk PRIMARY KEY (org_id, webhook_id, version)
  constraint webhook_secrets__webhook FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks(org_id, id) ON DELETE CASCADE
  CREATE UNIQUE INDEX webhook_secrets__pk ON public.webhook_secrets USING btree (org_id, webhook_id, version)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table webhooks · row security forced
  created_at timestamp with time zone not null default now()
  created_by text not null
  description text not null default ''::text
  disabled_at timestamp with time zone
  disabled_reason text
  event_types text[] not null default '{}'::text[]
  id uuid not null
  is_enabled boolean not null default true
  maker_id text not null
  maker_kind text not null
  maker_scopes text[]
  maker_user_id uuid
  org_id uuid not null
  subjects text[] not null default '{}'::text[]
  updated_at timestamp with time zone not null default now()
  url text not null
  version integer not null default 1
  constraint webhooks__disabled CHECK (((is_enabled = (disabled_reason IS NULL)) AND (is_enabled = (disabled_at IS NULL))))
  constraint webhooks__disabled_reason CHECK ((disabled_reason = ANY (ARRAY['by_hand'::text, 'failing'::text, 'gone'::text, 'maker_removed'::text])))
  constraint webhooks__maker CHECK (((maker_user_id IS NOT NULL) OR (maker_scopes IS NOT NULL)))
  constraint webhooks__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint webhooks__pk PRIMARY KEY (org_id, id)
  CREATE INDEX webhooks__list ON public.webhooks USING btree (org_id, created_at DESC, id DESC)
  CREATE INDEX webhooks__maker_user ON public.webhooks USING btree (org_id, maker_user_id) WHERE (maker_user_id IS NOT NULL)
  CREATE UNIQUE INDEX webhooks__pk ON public.webhooks USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table workflow_definitions · row security forced
  archived_at timestamp with time zone
  budget_micros bigint
  concurrency jsonb not null default '[]'::jsonb
  created_at timestamp with time zone not null default now()
  created_by text not null
  description text not null
  id uuid not null
  input_schema jsonb
  name text not null
  nodes jsonb not null
  org_id uuid not null
  timeout_ms bigint
  version integer not null
  constraint workflow_definitions__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint workflow_definitions__pk PRIMARY KEY (org_id, id)
  constraint workflow_definitions__version UNIQUE (org_id, name, version)
  CREATE INDEX workflow_definitions__list ON public.workflow_definitions USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX workflow_definitions__pk ON public.workflow_definitions USING btree (org_id, id)
  CREATE UNIQUE INDEX workflow_definitions__version ON public.workflow_definitions USING btree (org_id, name, version)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table workflow_nodes · row security forced
  attempt integer not null default 0
  completed_at timestamp with time zone
  due_at timestamp with time zone
  error jsonb
  fence bigint not null default 0
  input jsonb
  item integer not null default '-1'::integer
  key text not null
  lease_expires_at timestamp with time zone
  org_id uuid not null
  output jsonb
  position integer not null
  priority integer not null default 0
  reached integer not null default 0
  resume jsonb
  run_id uuid not null
  spread jsonb
  started_at timestamp with time zone
  state text not null
  waits_for integer not null default 0
  constraint workflow_nodes__lease CHECK (((state = 'running'::text) = (lease_expires_at IS NOT NULL)))
  constraint workflow_nodes__pk PRIMARY KEY (org_id, run_id, key, item)
  constraint workflow_nodes__run FOREIGN KEY (org_id, run_id) REFERENCES workflow_runs(org_id, id) ON DELETE CASCADE
  constraint workflow_nodes__state CHECK ((state = ANY (ARRAY['pending'::text, 'ready'::text, 'running'::text, 'waiting'::text, 'completed'::text, 'failed'::text, 'skipped'::text, 'cancelled'::text])))
  CREATE INDEX workflow_nodes__asks ON public.workflow_nodes USING btree (org_id, (((resume -> 'asks'::text) ->> 'askedAt'::text)), run_id, key) WHERE ((state = 'waiting'::text) AND (resume ? 'asks'::text))
  CREATE INDEX workflow_nodes__due ON public.workflow_nodes USING btree (org_id, priority DESC, due_at) WHERE (due_at IS NOT NULL)
  CREATE INDEX workflow_nodes__leases ON public.workflow_nodes USING btree (lease_expires_at) WHERE (lease_expires_at IS NOT NULL)
  CREATE UNIQUE INDEX workflow_nodes__pk ON public.workflow_nodes USING btree (org_id, run_id, key, item)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table workflow_places · row security forced
  is_held boolean not null default false
  key text
  name text not null
  org_id uuid not null
  priority integer not null
  run_id uuid not null
  seq bigint not null generated always as identity
  constraint workflow_places__pk PRIMARY KEY (org_id, run_id)
  constraint workflow_places__run FOREIGN KEY (org_id, run_id) REFERENCES workflow_runs(org_id, id) ON DELETE CASCADE
  CREATE INDEX workflow_places__held ON public.workflow_places USING btree (org_id, name, key) WHERE is_held
  CREATE UNIQUE INDEX workflow_places__pk ON public.workflow_places USING btree (org_id, run_id)
  CREATE INDEX workflow_places__waiting ON public.workflow_places USING btree (org_id, name, priority DESC, seq) WHERE (NOT is_held)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table workflow_runs · row security forced
  budget_micros bigint
  budgeted_by uuid[]
  completed_at timestamp with time zone
  concurrency_key text
  context jsonb not null
  context_asset uuid
  context_bytes integer
  created_at timestamp with time zone not null default now()
  created_by text not null
  created_by_kind text not null
  deadline_at timestamp with time zone
  definition_id uuid not null
  depth integer not null default 0
  error jsonb
  id uuid not null
  input jsonb not null
  job jsonb
  limited_to text[]
  nodes_left integer not null
  org_id uuid not null
  parent_item integer
  parent_node text
  parent_run_id uuid
  priority integer not null default 0
  request_id text not null
  schedule_id uuid
  started_at timestamp with time zone
  state text not null
  constraint workflow_runs__context CHECK ((((context_asset IS NULL) = (context_bytes IS NULL)) AND ((context_asset IS NULL) OR (context = '{}'::jsonb))))
  constraint workflow_runs__context_asset FOREIGN KEY (org_id, context_asset) REFERENCES assets(org_id, id)
  constraint workflow_runs__definition FOREIGN KEY (org_id, definition_id) REFERENCES workflow_definitions(org_id, id)
  constraint workflow_runs__ended CHECK (((completed_at IS NULL) = (state <> ALL (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]))))
  constraint workflow_runs__left CHECK ((nodes_left >= 0))
  constraint workflow_runs__pk PRIMARY KEY (org_id, id)
  constraint workflow_runs__state CHECK ((state = ANY (ARRAY['created'::text, 'queued'::text, 'running'::text, 'paused'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
  CREATE INDEX workflow_runs__age ON public.workflow_runs USING btree (completed_at) WHERE (completed_at IS NOT NULL)
  CREATE INDEX workflow_runs__children ON public.workflow_runs USING btree (org_id, parent_run_id) WHERE ((parent_run_id IS NOT NULL) AND (completed_at IS NULL))
  CREATE INDEX workflow_runs__context_asset ON public.workflow_runs USING btree (org_id, context_asset) WHERE (context_asset IS NOT NULL)
  CREATE INDEX workflow_runs__dead_jobs ON public.workflow_runs USING btree (org_id, created_at DESC, id DESC) WHERE ((job IS NOT NULL) AND (state = 'failed'::text))
  CREATE INDEX workflow_runs__deadline ON public.workflow_runs USING btree (deadline_at) WHERE ((completed_at IS NULL) AND (deadline_at IS NOT NULL))
  CREATE INDEX workflow_runs__definition ON public.workflow_runs USING btree (org_id, definition_id, created_at DESC) WHERE (job IS NULL)
  CREATE INDEX workflow_runs__jobs ON public.workflow_runs USING btree (org_id, created_at DESC, id DESC) WHERE (job IS NOT NULL)
  CREATE INDEX workflow_runs__list ON public.workflow_runs USING btree (org_id, created_at DESC, id DESC) WHERE (job IS NULL)
  CREATE UNIQUE INDEX workflow_runs__pk ON public.workflow_runs USING btree (org_id, id)
  CREATE INDEX workflow_runs__schedule ON public.workflow_runs USING btree (org_id, schedule_id) WHERE ((schedule_id IS NOT NULL) AND (completed_at IS NULL))
  CREATE INDEX workflow_runs__unended ON public.workflow_runs USING btree (org_id, created_at DESC, id DESC) WHERE (completed_at IS NULL)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  CREATE TRIGGER workflow_runs__budget AFTER DELETE ON public.workflow_runs FOR EACH ROW WHEN ((old.budget_micros IS NOT NULL)) EXECUTE FUNCTION assay_end_run_budget()
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table workflow_schedule_firings · row security forced
  error jsonb
  fired_at timestamp with time zone not null default now()
  org_id uuid not null
  outcome text not null
  run_id uuid
  schedule_id uuid not null
  scheduled_for timestamp with time zone not null
  constraint workflow_schedule_firings__outcome CHECK ((outcome = ANY (ARRAY['started'::text, 'waiting'::text, 'skipped'::text, 'failed'::text])))
  constraint workflow_schedule_firings__pk PRIMARY KEY (org_id, schedule_id, scheduled_for)
  constraint workflow_schedule_firings__run CHECK (((outcome = 'started'::text) = (run_id IS NOT NULL)))
  constraint workflow_schedule_firings__schedule FOREIGN KEY (org_id, schedule_id) REFERENCES workflow_schedules(org_id, id) ON DELETE CASCADE
  CREATE INDEX workflow_schedule_firings__age ON public.workflow_schedule_firings USING btree (fired_at)
  CREATE UNIQUE INDEX workflow_schedule_firings__pk ON public.workflow_schedule_firings USING btree (org_id, schedule_id, scheduled_for)
  CREATE INDEX workflow_schedule_firings__waiting ON public.workflow_schedule_firings USING btree (org_id, schedule_id, scheduled_for) WHERE (outcome = 'waiting'::text)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

table workflow_schedules · row security forced
  acts_as_id text not null
  acts_as_kind text not null
  catch_up text not null
  created_at timestamp with time zone not null default now()
  cron text not null
  due_at timestamp with time zone
  id uuid not null
  input jsonb not null
  is_started boolean not null
  limited_to text[]
  name text not null
  org_id uuid not null
  overlap text not null
  paused_at timestamp with time zone
  paused_reason text
  priority integer not null
  time_zone text not null
  updated_at timestamp with time zone not null default now()
  version integer not null default 1
  workflow_name text not null
  workflow_version integer
  constraint workflow_schedules__catch_up CHECK ((catch_up = ANY (ARRAY['skip'::text, 'latest'::text, 'all'::text])))
  constraint workflow_schedules__name UNIQUE (org_id, name)
  constraint workflow_schedules__org_id FOREIGN KEY (org_id) REFERENCES organizations(id)
  constraint workflow_schedules__overlap CHECK ((overlap = ANY (ARRAY['skip'::text, 'queue'::text, 'allow'::text])))
  constraint workflow_schedules__paused CHECK ((((due_at IS NULL) = (paused_at IS NOT NULL)) AND ((paused_reason IS NULL) = (paused_at IS NULL))))
  constraint workflow_schedules__pk PRIMARY KEY (org_id, id)
  CREATE INDEX workflow_schedules__due ON public.workflow_schedules USING btree (due_at) WHERE (due_at IS NOT NULL)
  CREATE INDEX workflow_schedules__list ON public.workflow_schedules USING btree (org_id, created_at DESC, id DESC)
  CREATE UNIQUE INDEX workflow_schedules__name ON public.workflow_schedules USING btree (org_id, name)
  CREATE UNIQUE INDEX workflow_schedules__pk ON public.workflow_schedules USING btree (org_id, id)
  policy system ALL to {assay_system} using true check true
  policy tenant ALL to {assay_app} using (org_id = (current_setting('assay.org_id'::text))::uuid) check (org_id = (current_setting('assay.org_id'::text))::uuid)
  grant DELETE, INSERT, SELECT, UPDATE to assay_app
  grant DELETE, INSERT, SELECT, UPDATE to assay_system

CREATE OR REPLACE FUNCTION public.assay_asset_garbage()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into asset_garbage (object) values (old.object) on conflict do nothing;
  return null;
end
$function$

CREATE OR REPLACE FUNCTION public.assay_drop_events_before(day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO '$user', 'public'
 SET lock_timeout TO '1s'
AS $function$
declare
  last_day date := least(day, (now() at time zone 'UTC')::date - 1);
  before timestamptz := last_day::timestamp at time zone 'UTC';
  name text;
  dropped integer := 0;
begin
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events'::regclass and (
      (c.relname ~ '^events_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') + 7 <= last_day)
      or (c.relname ~ '^events_before_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') <= last_day))
    order by right(c.relname, 8)
  loop
    execute format(
      'update event_floor f set xid = e.xid, id = e.id from (select xid, id from %I order by xid desc, id desc limit 1) e
       where (e.xid, e.id) > (f.xid, f.id)', name);
    execute format('drop table %I', name);
    dropped := dropped + 1;
  end loop;
  update event_floor f set xid = e.xid, id = e.id
  from (select xid, id from events_default where occurred_at < before order by xid desc, id desc limit 1) e
  where (e.xid, e.id) > (f.xid, f.id);
  delete from events_default where occurred_at < before;
  return dropped;
end
$function$

CREATE OR REPLACE FUNCTION public.assay_drop_usage_before(day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO '$user', 'public'
AS $function$
declare
  name text;
  dropped integer := 0;
begin
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'usage_records'::regclass and c.relname ~ '^usage_records_\d{4}_\d{2}$'
      and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= least(day, current_date - 90)
    order by 1
  loop
    execute format('drop table %I', name);
    dropped := dropped + 1;
  end loop;
  return dropped;
end
$function$

CREATE OR REPLACE FUNCTION public.assay_end_run_budget()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  delete from budgets b where b.org_id = old.org_id and b.id = old.id and b.scope_kind = 'run';
  return null;
end;
$function$

CREATE OR REPLACE FUNCTION public.assay_give_workflow_places(of_org uuid, of_name text, about uuid[])
 RETURNS SETOF uuid
 LANGUAGE plpgsql
AS $function$
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
$function$

CREATE OR REPLACE FUNCTION public.assay_make_event_partition(day date)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO '$user', 'public'
 SET lock_timeout TO '1s'
AS $function$
declare
  first date := date_trunc('week', day::timestamp);
  name text := 'events_' || to_char(first, 'YYYYMMDD');
  since timestamptz := first::timestamp at time zone 'UTC';
  until timestamptz := (first + 7)::timestamp at time zone 'UTC';
begin
  -- Two processes at once: the second one waits, and finds it there. By a query: what it waited for may not have reached
  -- the names that its session remembers.
  perform pg_advisory_xact_lock(hashtext('assay_make_event_partition'));
  if exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events'::regclass and (
      c.relname = name
      or (c.relname ~ '^events_before_\d{8}$' and to_date(right(c.relname, 8), 'YYYYMMDD') > first))
  ) then return; end if;
  execute format('create table %I (like events including defaults)', name);
  execute format('alter table %I enable row level security', name);
  -- What was written while nobody made the week. Nothing falls into the default between here and the attachment.
  lock table events_default in access exclusive mode;
  execute format(
    'with moved as (delete from events_default where occurred_at >= $1 and occurred_at < $2 returning *)
     insert into %I select * from moved', name) using since, until;
  -- Attaching lets reads and writes of other weeks go on; `create table … partition of` does not.
  execute format('alter table events attach partition %I for values from (%L) to (%L)', name, since, until);
end
$function$

CREATE OR REPLACE FUNCTION public.assay_make_usage_partition(month date)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO '$user', 'public'
AS $function$
declare
  first date := date_trunc('month', month);
  name text := 'usage_records_' || to_char(first, 'YYYY_MM');
begin
  perform pg_advisory_xact_lock(hashtext('assay_make_usage_partition'));
  if exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'usage_records'::regclass and c.relname = name
  ) then return; end if;
  execute format('create table %I (like usage_records including defaults including constraints)', name);
  -- Attaching lets reads and writes of the other months go on; `create table … partition of` does not.
  execute format(
    'alter table usage_records attach partition %I for values from (%L) to (%L)',
    name, first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00');
  -- Rights are those of usage_records, and so is row security: nobody who serves may reach a partition by its own name.
  execute format('alter table %I enable row level security', name);
  execute format('alter table %I force row level security', name);
end
$function$

CREATE OR REPLACE FUNCTION public.assay_period_start(period text, at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
  select case period when 'total' then timestamptz 'epoch' else date_trunc(period, at, 'UTC') end
$function$

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

CREATE OR REPLACE FUNCTION public.assay_wake_workflow_node()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update workflow_nodes n set due_at = now()
  where n.org_id = new.org_id and n.run_id = new.workflow_run_id and n.key = new.workflow_node
    and n.item = new.workflow_item and n.state = 'waiting' and n.resume->>'evaluation_id' = new.id;
  return null;
end;
$function$
