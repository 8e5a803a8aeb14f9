import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { stringify } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ScratchDirectory, scratchDirectory } from '../../test/scratch-directory.ts';
import { Sensitive } from '../kernel/sensitive.ts';
import { type ConfigInput, listConfig, loadConfig } from './config.ts';
import { SETTINGS, type SettingName } from './settings.ts';

const NAMES = Object.keys(SETTINGS) as SettingName[];
const SECRETS = NAMES.filter((name) => 'isSecret' in SETTINGS[name]);

/** For each setting three values unlike the default: said by the file, the environment and the flag. */
const SAID: Record<SettingName, [string, string, string]> = {
  role: ['worker', 'runner,api', 'api'],
  host: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  httpPort: ['1', '2', '3'],
  publicUrl: ['http://file', 'http://environment', 'http://flag'],
  grpcPort: ['1', 'off', '3'],
  grpcTlsCertFile: ['/file.crt', '/environment.crt', '/flag.crt'],
  grpcTlsKeyFile: ['/file.key', '/environment.key', '/flag.key'],
  grpcPlaintext: ['on', 'true', '1'],
  trustedProxies: ['10.0.0.1', '10.0.0.2, 10.1.0.0/16', '10.0.0.3'],
  dataDir: ['/file', '/environment', '/flag'],
  databaseUrl: ['postgres://file', 'postgres://environment', 'postgres://flag'],
  databaseConnections: ['2', '3', '4'],
  migrate: ['off', 'no', '0'],
  masterKeyFile: ['/file.key', '/environment.key', '/flag.key'],
  masterKey: ['1'.repeat(64), `${'2'.repeat(64)}, ${'1'.repeat(64)}`, '3'.repeat(64)],
  masterKeyTransit: ['http://file', 'http://environment', 'http://flag'],
  masterKeyTransitTokenFile: ['/file', '/environment', '/flag'],
  bootstrapApiKey: ['sk_file', 'sk_environment', 'sk_flag'],
  bootstrapOwnerEmail: ['file@x', 'environment@x', 'flag@x'],
  bootstrapOwnerPassword: ['file-word', 'environment-word', 'flag-word'],
  organizationCreation: ['administrators', 'administrators', 'administrators'],
  organizationGraceDays: ['1', '2', '3'],
  billingWebhookSecret: [
    'whsec_ZmlsZWZpbGVmaWxlZmlsZWZpbGVmaWxl',
    'whsec_ZW52aXJvbm1lbnRlbnZpcm9ubWVudGVu',
    'whsec_ZmxhZ2ZsYWdmbGFnZmxhZ2ZsYWdmbGFn',
  ],
  smtpUrl: ['smtp://file', 'smtps://environment', 'smtp://flag'],
  natsUrl: ['nats://file', 'tls://environment', 'nats://one,nats://two'],
  natsPrefix: ['file', 'environment', 'flag'],
  mailFrom: ['file@x', 'environment@x', 'A Flag <flag@x>'],
  signUp: ['on', 'true', '1'],
  signingKeyDays: ['1', '2', '3'],
  outboundNetworks: ['loopback', '10.0.0.1, fd00::/8', '10.0.0.0/8'],
  replayDir: ['/file', '/environment', '/flag'],
  replayRecord: ['on', 'true', '1'],
  replayPace: ['recorded', 'recorded', 'recorded'],
  rateLimits: ['off', 'false', '0'],
  rateCounters: ['process', 'database', 'process'],
  rateControl: ['1', '2', '3'],
  rateBuilds: ['1', '2', '3'],
  rateGateway: ['1', '2', '3'],
  rateEvaluations: ['1', '2', '3'],
  rateEvaluationBatches: ['1', '2', '3'],
  rateAnonymous: ['1', '2', '3'],
  rateFleetOrganization: ['1', '2', '3'],
  rateFleetAddress: ['1', '2', '3'],
  rateFailedCredentials: ['1', '2', '3'],
  runnerToken: ['rn_file', 'rn_environment', 'rn_flag'],
  runnerSlots: ['1', '2', '3'],
  runnerEngines: ['landlock', 'bubblewrap,landlock', 'docker'],
  queueSeconds: ['1', '2', '3'],
  evaluationRetentionDays: ['1', '2', '3'],
  eventRetentionDays: ['1', '2', '3'],
  workflowRetentionDays: ['1', '2', '3'],
  usageRetentionDays: ['90', '200', '300'],
  webhookRetentionDays: ['7', '8', '9'],
  assetMaxBytes: ['1', '2', '3'],
  assetSilenceSeconds: ['1', '2', '3'],
  assetQuotaBytes: ['1', '2', '3'],
  assetEncryption: ['on', 'true', '1'],
  assetBucket: ['s3://file', 's3://environment/a', 's3://flag/b'],
  assetBucketEndpoint: ['http://file', 'http://environment', 'http://flag'],
  assetBucketRegion: ['file', 'environment', 'flag'],
  assetTypes: ['text/plain', 'image/*, text/csv', 'a/b'],
  auditAnchorFile: ['/file', '/environment', '/flag'],
  auditAnchorBucket: ['s3://file', 's3://environment/a', 's3://flag/b/'],
  auditAnchorEndpoint: ['http://file', 'http://environment', 'http://flag'],
  auditAnchorRegion: ['file', 'environment', 'flag'],
  auditAnchorWebhook: ['http://file', 'http://environment', 'http://flag'],
  auditAnchorWebhookSecret: [
    `whsec_${'file'.repeat(8)}`,
    `whsec_${'environment'.repeat(4)}`,
    `whsec_${'flag'.repeat(8)}`,
  ],
  auditAnchorSeconds: ['1', '2', '3'],
  stopSeconds: ['1', '2', '3'],
  logLevel: ['error', 'warn', 'debug'],
  logFormat: ['json', 'pretty', 'json'],
  otlpEndpoint: ['http://file', 'http://environment', 'http://flag'],
};

/** What the flag's word is read as, where that is another thing than the word. */
const READ_AS: Partial<Record<SettingName, string>> = {
  migrate: 'false',
  assetEncryption: 'true',
  signUp: 'true',
  replayRecord: 'true',
  grpcPlaintext: 'true',
  rateLimits: 'false',
};

/** A word that each setting refuses; the lists of engines is the runner's to judge. */
const REFUSED: Partial<Record<SettingName, string>> = {
  role: 'api,cook',
  host: ' ',
  httpPort: '65536',
  publicUrl: 'https://assay.example/path',
  grpcPort: 'on',
  grpcTlsCertFile: ' ',
  grpcTlsKeyFile: ' ',
  grpcPlaintext: 'maybe',
  trustedProxies: '10.0.0.0/33',
  dataDir: ' ',
  databaseUrl: 'user:word@localhost/assay',
  databaseConnections: '1',
  migrate: 'maybe',
  masterKeyFile: ' ',
  masterKey: '1'.repeat(63),
  masterKeyTransit: 'vault:8200',
  masterKeyTransitTokenFile: ' ',
  bootstrapApiKey: ' sk_blank',
  bootstrapOwnerEmail: 'owner',
  bootstrapOwnerPassword: 'ends with a space ',
  organizationCreation: 'nobody',
  organizationGraceDays: '-1',
  billingWebhookSecret: 'whsec_short',
  smtpUrl: 'mail.example',
  natsUrl: 'nats.example:4222',
  natsPrefix: 'as.say',
  mailFrom: 'nobody',
  signUp: 'maybe',
  signingKeyDays: '0',
  outboundNetworks: 'lan',
  replayRecord: 'maybe',
  replayPace: 'fast',
  rateLimits: 'offf',
  runnerToken: ' ',
  runnerSlots: '-1',
  queueSeconds: '0',
  evaluationRetentionDays: '1.5',
  eventRetentionDays: '1e2',
  workflowRetentionDays: '0',
  usageRetentionDays: '89',
  webhookRetentionDays: '6',
  auditAnchorFile: ' ',
  auditAnchorBucket: 'bucket/prefix',
  auditAnchorEndpoint: 'minio:9000',
  auditAnchorRegion: ' ',
  auditAnchorWebhook: 'example.com/hook',
  auditAnchorWebhookSecret: 'whsec_short',
  auditAnchorSeconds: '0',
  stopSeconds: '3601',
  logLevel: 'loud',
  logFormat: 'xml',
  otlpEndpoint: 'collector:4318',
};

let empty: ScratchDirectory;
let folder: ScratchDirectory;
beforeAll(async () => {
  empty = await scratchDirectory();
  folder = await scratchDirectory();
});
afterAll(async () => {
  await empty[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const inEmpty = (said: Partial<ConfigInput> = {}): ConfigInput => ({ args: [], env: {}, cwd: empty.path, ...said });

/** Input whose working directory holds an `assay.toml` of this text. */
async function withFile(text: string, said: Partial<ConfigInput> = {}): Promise<ConfigInput> {
  await writeFile(join(folder.path, 'assay.toml'), text);
  return { args: [], env: {}, cwd: folder.path, ...said };
}

/** `http.port` as the file says it: in a table. */
const toml = (key: string, value: unknown): string => {
  const [first = '', second] = key.split('.');
  return stringify(second === undefined ? { [first]: value } : { [first]: { [second]: value } });
};

/** The value behind a secret, and the words of a set. */
const plain = (value: unknown): unknown => {
  if (value instanceof Sensitive) return value.reveal();
  return value instanceof Set ? [...value] : value;
};

const refusalOf = (input: ConfigInput): string => {
  try {
    loadConfig(input);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  throw new Error('It was accepted.');
};

const lineOf = (input: ConfigInput, name: SettingName) =>
  listConfig(input).find((line) => line.name === SETTINGS[name].toml);

describe.each(NAMES)('the setting %s', (name) => {
  const { flag, env, toml: key, fallback } = SETTINGS[name];
  const [inFile, inEnvironment, asFlag] = SAID[name];
  const shown = (text: string): string => (SECRETS.includes(name) && text !== '' ? '[secret]' : text);

  test('comes from the flag over the environment over the file over the default', async () => {
    const file = toml(key, inFile);
    const args = [`--${flag}`, asFlag];
    const steps: [ConfigInput, string, string][] = [
      [inEmpty(), fallback, 'default'],
      [await withFile(file), inFile, 'file'],
      [await withFile(file, { env: { [env]: inEnvironment } }), inEnvironment, 'environment'],
      [await withFile(file, { env: { [env]: inEnvironment }, args }), asFlag, 'flag'],
    ];
    for (const [input, text, origin] of steps) {
      expect(lineOf(input, name)).toMatchObject({ value: shown(text), origin, env, flag: `--${flag}` });
    }
    expect(inspect(plain(loadConfig(await withFile(file, { env: { [env]: inEnvironment }, args }))[name]))).toContain(
      READ_AS[name] ?? asFlag,
    );
  });

  test('has a default that it accepts itself', () => {
    expect(() => SETTINGS[name].read(fallback)).not.toThrow();
  });

  test('says nothing in the environment when it is set to nothing', () => {
    expect(lineOf(inEmpty({ env: { [env]: '' } }), name)).toMatchObject({ origin: 'default' });
  });
});

describe.each(Object.entries(REFUSED) as [SettingName, string][])('the setting %s as %j', (name, word) => {
  const { flag, env, toml: key } = SETTINGS[name];

  test.each([
    [`--${flag}`, async () => inEmpty({ args: [`--${flag}=${word}`] })],
    [env, async () => inEmpty({ env: { [env]: word } })],
    [`${key} in assay.toml`, async () => withFile(toml(key, word))],
  ])('is refused, and named as %s', async (place, input) => {
    expect(refusalOf(await input()).startsWith(`${place} must `)).toBe(true);
  });

  test('is shown in the refusal, unless it is a secret', () => {
    const message = refusalOf(inEmpty({ env: { [env]: word } }));
    expect(message.includes(`"${word}"`)).toBe(!SECRETS.includes(name));
    if (SECRETS.includes(name) && word.trim() !== '') expect(message).not.toContain(word.trim());
  });
});

describe('the configuration', () => {
  test('has its paths absolute, from the working directory', () => {
    const config = loadConfig(inEmpty({ args: ['--data-dir', 'state', '--master-key-file', 'keys/master'] }));
    expect(config.dataDir).toBe(join(empty.path, 'state'));
    expect(config.masterKeyFile).toBe(join(empty.path, 'keys/master'));
    expect(loadConfig(inEmpty({ args: ['--data-dir', '/var/lib/assay'] })).masterKeyFile).toBe(
      '/var/lib/assay/master.key',
    );
  });

  test('knows all roles, and each by its name', () => {
    expect([...loadConfig(inEmpty()).role]).toEqual(['api', 'worker', 'runner']);
    expect([...loadConfig(inEmpty({ args: ['--role', 'worker, api'] })).role].sort()).toEqual(['api', 'worker']);
  });

  test('refuses to be of a runner alone, and says which program that is', () => {
    expect(() => loadConfig(inEmpty({ args: ['--role', 'runner'] }))).toThrow(/runner program/);
  });

  test('shows no secret when it is printed', async () => {
    const said = Object.fromEntries(SECRETS.map((name) => [SETTINGS[name].env, SAID[name][1]]));
    const input = inEmpty({ env: said });
    expect(SECRETS.length).toBeGreaterThan(3);
    for (const printed of [inspect(loadConfig(input)), JSON.stringify(loadConfig(input)), inspect(listConfig(input))]) {
      for (const secret of Object.values(said)) expect(printed).not.toContain(secret);
      expect(printed).toContain('[secret]');
    }
  });

  test('shows which secrets are not set', () => {
    for (const name of SECRETS) expect(lineOf(inEmpty(), name)?.value).toBe('');
  });

  test('refuses a flag that is none of ours, and words that are no flags', () => {
    expect(() => loadConfig(inEmpty({ args: ['--http-prot', '1'] }))).toThrow(/--http-prot/);
    expect(() => loadConfig(inEmpty({ args: ['serve'] }))).toThrow();
    expect(() => loadConfig(inEmpty({ args: ['--http-port'] }))).toThrow(/--http-port/);
  });
});

describe('assay.toml', () => {
  test.each([
    ['http.prot = 1', 'http.prot'],
    ['htttp = {}\nport = 3001', 'port'],
    ['[http]\nport = { number = 1 }', 'http.port.number'],
    ['[[http]]\nport = 1', 'http'],
    ['database = "postgres://db"', 'database'],
    ['http.since = 2026-01-01', 'http.since'],
  ])('with %j is refused for the key %s', async (text, key) => {
    const input = await withFile(text);
    expect(() => loadConfig(input)).toThrow(`there is no setting "${key}"`);
    expect(() => listConfig(input)).toThrow(join(folder.path, 'assay.toml'));
  });

  test('says numbers, switches and lists as TOML has them', async () => {
    const input = await withFile('role = ["api", "worker"]\nrate_limits = false\n[http]\nport = 0\n');
    expect(loadConfig(input)).toMatchObject({ httpPort: 0, rateLimits: false, role: new Set(['api', 'worker']) });
  });

  test('takes no date for a switch', async () => {
    const input = await withFile('rate_limits = 2026-01-01');
    expect(() => loadConfig(input)).toThrow(/^rate_limits in assay.toml must be on or off/);
  });

  test('that is not TOML is refused with its place, and without the line, which may be a secret', async () => {
    const input = await withFile('[bootstrap]\nowner_password = "s3cr3t\n');
    expect(refusalOf(input)).toMatch(/assay\.toml is not TOML: line 2, column \d+: /);
    expect(refusalOf(input)).not.toContain('s3cr3t');
  });
});
