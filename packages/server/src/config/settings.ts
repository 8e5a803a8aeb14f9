import { isIP } from 'node:net';
import { Sensitive } from '../kernel/sensitive.ts';

/** One setting: where it can be said, what it defaults to, how it is read. */
export type Setting<Value> = {
  /** Name on the command line, `--http-port`, and in `assay.toml`, `http.port`. */
  flag: string;
  toml: string;
  env: string;
  /** As text, for the reference; what is used when nobody says otherwise. */
  fallback: string;
  help: string;
  isSecret?: boolean;
  /** @throws Error with the rest of a sentence that starts with the setting's name */
  read(text: string): Value;
};

const matching =
  (form: RegExp, sentence: string) =>
  (value: string): string => {
    if (!form.test(value)) throw new Error(sentence);
    return value;
  };

const text = matching(/^\S(.*\S)?$/, 'must not be blank, nor begin or end with a space');
const optional =
  (read: (value: string) => string) =>
  (value: string): string | null =>
    value === '' ? null : read(value);
const secret =
  (read: (value: string) => string) =>
  (value: string): Sensitive<string> | null =>
    value === '' ? null : new Sensitive(read(value));

const postgresUrl = matching(
  /^(postgres(ql)?|socket):\S+$/,
  'must be an address of the form postgres://user:password@host/database',
);

const httpUrl = (value: string): string => {
  if (!/^https?:$/.test(URL.parse(value)?.protocol ?? '')) throw new Error('must be an http or https address');
  return value;
};

/** Where callers find us, without a slash at the end: an address that links begin with and tokens are issued by. */
const origin = (value: string): string => {
  const url = URL.parse(value);
  if (url === null || url.origin !== value.replace(/\/$/, '') || !/^https?:$/.test(url.protocol))
    throw new Error('must be an http or https address with nothing behind host and port');
  return url.origin;
};

const integer =
  (min: number, max: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return number;
  };

const oneOf =
  <const Choice extends string>(...choices: Choice[]) =>
  (value: string): Choice => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Error(`must be one of: ${choices.join(', ')}`);
    return found;
  };

/** A port; `auto`: the usual one, or a free one where that is taken; `off`: none. */
const listener = (value: string): number | 'auto' | 'off' => {
  if (value === 'auto' || value === 'off') return value;
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw new Error('must be auto, off or a whole number from 0 to 65535');
};

const flagValue = (value: string): boolean => {
  if (['on', 'true', '1', 'yes'].includes(value)) return true;
  if (['off', 'false', '0', 'no'].includes(value)) return false;
  throw new Error('must be on or off');
};

export const ROLES = ['api', 'worker', 'runner'] as const;
export type Role = (typeof ROLES)[number];

const roles = (value: string): ReadonlySet<Role> => {
  const named = value.split(',').map((name) => name.trim());
  if (named.includes('all')) return new Set(ROLES);
  return new Set(named.map((name) => oneOf(...ROLES)(name)));
};

const list = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Names of networks that Fastify knows. */
const NAMED_NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

function isNetwork(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return NAMED_NETWORKS.includes(item);
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

const networks = (value: string): string[] => {
  const items = list(value);
  const wrong = items.find((item) => !isNetwork(item));
  if (wrong !== undefined) throw new Error(`must be addresses or networks (10.0.0.0/8), and "${wrong}" is neither`);
  return items;
};

const setting = <Value>(declared: Setting<Value>): Setting<Value> => declared;

/** Every setting there is. The reference in the docs is made from this. */
export const SETTINGS = {
  role: setting({
    flag: 'role',
    toml: 'role',
    env: 'ASSAY_ROLE',
    fallback: 'all',
    help: 'What this process does: all, or a list of api, worker, runner.',
    read: roles,
  }),
  host: setting({
    flag: 'host',
    toml: 'http.host',
    env: 'ASSAY_HOST',
    fallback: '127.0.0.1',
    help: 'Address to listen on.',
    read: text,
  }),
  httpPort: setting({
    flag: 'http-port',
    toml: 'http.port',
    env: 'ASSAY_HTTP_PORT',
    fallback: '3001',
    help: 'Port of all HTTP surfaces; 0 takes a free one.',
    read: integer(0, 65_535),
  }),
  publicUrl: setting({
    flag: 'public-url',
    toml: 'http.public_url',
    env: 'ASSAY_PUBLIC_URL',
    fallback: '',
    help: 'Where people and programs reach this installation, https://assay.example.com: links begin with it, tokens name it as their issuer, and passkeys are bound to its host.',
    read: optional(origin),
  }),
  grpcPort: setting({
    flag: 'grpc-port',
    toml: 'grpc.port',
    env: 'ASSAY_GRPC_PORT',
    fallback: 'auto',
    help: 'Port of gRPC: auto is 3002, or a free one where that is taken; 0 takes a free one; off serves no gRPC.',
    read: listener,
  }),
  grpcTlsCertFile: setting({
    flag: 'grpc-tls-cert-file',
    toml: 'grpc.tls_cert_file',
    env: 'ASSAY_GRPC_TLS_CERT_FILE',
    fallback: '',
    help: 'Certificate chain (PEM) with which gRPC is served over TLS; needs the key as well.',
    read: optional(text),
  }),
  grpcTlsKeyFile: setting({
    flag: 'grpc-tls-key-file',
    toml: 'grpc.tls_key_file',
    env: 'ASSAY_GRPC_TLS_KEY_FILE',
    fallback: '',
    help: 'Private key (PEM) of the certificate.',
    read: optional(text),
  }),
  grpcPlaintext: setting({
    flag: 'grpc-plaintext',
    toml: 'grpc.plaintext',
    env: 'ASSAY_GRPC_PLAINTEXT',
    fallback: 'off',
    help: 'On: gRPC without TLS on addresses that other machines reach; for use behind something that adds TLS.',
    read: flagValue,
  }),
  trustedProxies: setting({
    flag: 'trusted-proxies',
    toml: 'http.trusted_proxies',
    env: 'ASSAY_TRUSTED_PROXIES',
    fallback: '',
    help: 'Addresses or networks whose X-Forwarded-For is believed, separated by commas.',
    read: networks,
  }),
  dataDir: setting({
    flag: 'data-dir',
    toml: 'data_dir',
    env: 'ASSAY_DATA_DIR',
    fallback: './.assay',
    help: 'Where everything that lives on disk is kept.',
    read: text,
  }),
  databaseUrl: setting({
    flag: 'database-url',
    toml: 'database.url',
    env: 'DATABASE_URL',
    fallback: '',
    help: 'PostgreSQL to use; without it Assay starts its own in the data directory.',
    isSecret: true,
    read: secret(postgresUrl),
  }),
  databaseConnections: setting({
    flag: 'database-connections',
    toml: 'database.connections',
    env: 'ASSAY_DATABASE_CONNECTIONS',
    fallback: '16',
    help: 'Most connections that this process holds for requests.',
    read: integer(2, 500),
  }),
  migrate: setting({
    flag: 'migrate',
    toml: 'database.migrate',
    env: 'ASSAY_MIGRATE',
    fallback: 'on',
    help: 'Bring the database up to this release at start; off: refuse to serve while it is behind.',
    read: flagValue,
  }),
  masterKeyFile: setting({
    flag: 'master-key-file',
    toml: 'master_key_file',
    env: 'ASSAY_MASTER_KEY_FILE',
    fallback: '',
    help: 'File of the master key; master.key in the data directory when left out.',
    read: optional(text),
  }),
  bootstrapApiKey: setting({
    flag: 'bootstrap-api-key',
    toml: 'bootstrap.api_key',
    env: 'ASSAY_BOOTSTRAP_API_KEY',
    fallback: '',
    help: 'On first start, the first full-access key, instead of a made-up one.',
    isSecret: true,
    read: secret(text),
  }),
  bootstrapOwnerEmail: setting({
    flag: 'bootstrap-owner-email',
    toml: 'bootstrap.owner_email',
    env: 'ASSAY_BOOTSTRAP_OWNER_EMAIL',
    fallback: 'owner@localhost',
    help: 'On first start, the e-mail address of the owner.',
    read: matching(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address'),
  }),
  bootstrapOwnerPassword: setting({
    flag: 'bootstrap-owner-password',
    toml: 'bootstrap.owner_password',
    env: 'ASSAY_BOOTSTRAP_OWNER_PASSWORD',
    fallback: '',
    help: "On first start, the owner's password, instead of a made-up one.",
    isSecret: true,
    read: secret(text),
  }),
  organizationCreation: setting({
    flag: 'organization-creation',
    toml: 'organizations.creation',
    env: 'ASSAY_ORGANIZATION_CREATION',
    fallback: 'everybody',
    help: 'Who may create organizations: everybody who can sign in, or administrators of the installation.',
    read: oneOf('everybody', 'administrators'),
  }),
  organizationGraceDays: setting({
    flag: 'organization-grace-days',
    toml: 'organizations.grace_days',
    env: 'ASSAY_ORGANIZATION_GRACE_DAYS',
    fallback: '30',
    help: 'Days that a deleted organization can be restored; then it is erased for good.',
    read: integer(0, 3_650),
  }),
  billingWebhookSecret: setting({
    flag: 'billing-webhook-secret',
    toml: 'billing.webhook_secret',
    env: 'ASSAY_BILLING_WEBHOOK_SECRET',
    fallback: '',
    help: 'Secret (`whsec_` and base64) that signs what the billing system posts; no billing webhook without it.',
    isSecret: true,
    read: secret(matching(/^whsec_[0-9A-Za-z+/]{32,}={0,2}$/, 'must be `whsec_` and at least 24 bytes in base64')),
  }),
  smtpUrl: setting({
    flag: 'smtp-url',
    toml: 'mail.smtp_url',
    env: 'ASSAY_SMTP_URL',
    fallback: '',
    help: 'Mail server, smtp://user:password@host:port or smtps://…; without it no mail is sent, and links are given to whoever asks for them.',
    isSecret: true,
    read: secret(matching(/^smtps?:\/\/\S+$/, 'must be an address of the form smtp://user:password@host:port')),
  }),
  mailFrom: setting({
    flag: 'mail-from',
    toml: 'mail.from',
    env: 'ASSAY_MAIL_FROM',
    fallback: 'Assay <assay@localhost>',
    help: 'Sender of mail.',
    read: matching(/^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/, 'must be an e-mail address, with or without a name'),
  }),
  signUp: setting({
    flag: 'sign-up',
    toml: 'accounts.sign_up',
    env: 'ASSAY_SIGN_UP',
    fallback: 'off',
    help: 'Lets anybody make an account, once their e-mail address is confirmed; off: by invitation only.',
    read: flagValue,
  }),
  signingKeyDays: setting({
    flag: 'signing-key-days',
    toml: 'accounts.signing_key_days',
    env: 'ASSAY_SIGNING_KEY_DAYS',
    fallback: '90',
    help: 'Age at which the key that signs access tokens is replaced, days; tokens in use stay good.',
    read: integer(1, 3_650),
  }),
  outboundNetworks: setting({
    flag: 'outbound-networks',
    toml: 'outbound.networks',
    env: 'ASSAY_OUTBOUND_NETWORKS',
    fallback: '',
    help: 'Networks that are not public and may be called all the same, by providers and issuers of tokens say: addresses, networks (10.0.0.0/8), loopback, linklocal or uniquelocal, separated by commas. To these also without TLS.',
    read: networks,
  }),
  rateLimits: setting({
    flag: 'rate-limits',
    toml: 'rate_limits',
    env: 'ASSAY_RATE_LIMITS',
    fallback: 'on',
    help: 'Off only for benchmarks and tests.',
    read: flagValue,
  }),
  runnerToken: setting({
    flag: 'runner-token',
    toml: 'runners.token',
    env: 'ASSAY_RUNNER_TOKEN',
    fallback: '',
    help: 'Secret that runners on other machines present; made up and kept in the data directory when left out.',
    isSecret: true,
    read: secret(text),
  }),
  runnerSlots: setting({
    flag: 'runner-slots',
    toml: 'runners.slots',
    env: 'ASSAY_RUNNER_SLOTS',
    fallback: '0',
    help: 'Programs that the built-in runner runs at once; 0: as many as there are cores.',
    read: integer(0, 512),
  }),
  runnerEngines: setting({
    flag: 'runner-engines',
    toml: 'runners.engines',
    env: 'ASSAY_RUNNER_ENGINES',
    fallback: '',
    help: 'Isolation engines that the built-in runner may offer; the safe defaults when left out.',
    read: list,
  }),
  queueSeconds: setting({
    flag: 'evaluation-queue-seconds',
    toml: 'evaluations.queue_seconds',
    env: 'ASSAY_EVALUATION_QUEUE_SECONDS',
    fallback: '3600',
    help: 'Longest that an evaluation waits for a slot before it fails, seconds.',
    read: integer(1, 604_800),
  }),
  evaluationRetentionDays: setting({
    flag: 'evaluation-retention-days',
    toml: 'evaluations.retention_days',
    env: 'ASSAY_EVALUATION_RETENTION_DAYS',
    fallback: '90',
    help: 'Days that an evaluation is kept after its end.',
    read: integer(1, 36_500),
  }),
  eventRetentionDays: setting({
    flag: 'event-retention-days',
    toml: 'events.retention_days',
    env: 'ASSAY_EVENT_RETENTION_DAYS',
    fallback: '30',
    help: 'Days that events can be replayed.',
    read: integer(1, 36_500),
  }),
  stopSeconds: setting({
    flag: 'stop-seconds',
    toml: 'stop_seconds',
    env: 'ASSAY_STOP_SECONDS',
    fallback: '10',
    help: 'How long a stop waits for running work before it is handed back, seconds.',
    read: integer(0, 3_600),
  }),
  logLevel: setting({
    flag: 'log-level',
    toml: 'log.level',
    env: 'ASSAY_LOG_LEVEL',
    fallback: 'info',
    help: 'error, warn, info or debug.',
    read: oneOf('error', 'warn', 'info', 'debug'),
  }),
  logFormat: setting({
    flag: 'log-format',
    toml: 'log.format',
    env: 'ASSAY_LOG_FORMAT',
    fallback: 'auto',
    help: 'json, pretty, or auto: pretty on a terminal.',
    read: oneOf('auto', 'json', 'pretty'),
  }),
  otlpEndpoint: setting({
    flag: 'otlp-endpoint',
    toml: 'telemetry.otlp_endpoint',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    fallback: '',
    help: 'OpenTelemetry collector (OTLP over HTTP) that traces go to; none when left out.',
    read: optional(httpUrl),
  }),
} as const;

export type Settings = typeof SETTINGS;
export type SettingName = keyof Settings;
export type Values = { readonly [Name in SettingName]: ReturnType<Settings[Name]['read']> };
