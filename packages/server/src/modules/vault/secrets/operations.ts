import { newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { secretErrors } from '../errors.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { MOST_BYTES, placeOf, readValue, type Secret, type SecretValue, type SecretVersion } from './model.ts';
import * as store from './store.ts';

export type SecretServices = {
  dataKeys: DataKeys;
  /** Drops what processes remember of values, at the commit and everywhere. */
  valuesChanged(tx: Tx): void;
};

/** A value as a caller sends it. */
export type GivenValue = { value: Sensitive<string>; encoding: 'text' | 'base64' };
export type NewSecret = GivenValue & { name: string; description: string };
export type SecretChange = GivenValue & { name: string; description: string | undefined; expected: Expected };

const READ = { scope: 'secrets:read', effect: 'read', rate: 'control', audit: null } as const;

export const secretOperations = (services: SecretServices) =>
  ({
    createSecret: createSecret(services),
    listSecrets,
    getSecret,
    listSecretVersions,
    replaceSecret: replaceSecret(services),
    deleteSecret,
  }) satisfies Record<string, AnyOperation>;

const createSecret = (services: SecretServices) =>
  operation({
    name: 'vault.secret.create',
    summary: 'Keep a secret under a name. Its value goes in and does not come out over the API.',
    scope: 'secrets:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'secret.created',
      target: (_input: NewSecret, secret: Secret) => targetOf(secret),
      detail: (_input, secret) => describe(secret),
    },
    async run(context, input): Promise<Secret> {
      const value = valueFrom(input);
      const orgId = orgOf(context);
      const { name, description } = input;
      const secret = await store.insertSecret(context.tx, {
        orgId,
        id: newId(),
        name,
        description,
        createdBy: context.by.userId,
      });
      await keep(services, context, { secret, value });
      context.emit({ type: 'secret.created', subject: secret.id, data: { name } });
      return secret;
    },
  });

type ChangedSecret = { before: Secret; secret: Secret };

const replaceSecret = (services: SecretServices) =>
  operation({
    name: 'vault.secret.replace',
    summary: 'Give a secret a new value, as its next version.',
    scope: 'secrets:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'secret.replaced',
      target: (_input: SecretChange, { secret }: ChangedSecret) => targetOf(secret),
      detail: (_input, { before, secret }) => ({ before: describe(before), after: describe(secret) }),
    },
    async run(context, input): Promise<ChangedSecret> {
      const value = valueFrom(input);
      const before = await requireSecret(context, input.name, store.lockSecret);
      assertExpected(input.expected, before.version);
      const secret = await store.advanceSecret(context.tx, before, input.description ?? before.description);
      await keep(services, context, { secret, value });
      services.valuesChanged(context.tx);
      context.emit({
        type: 'secret.replaced',
        subject: secret.id,
        data: { name: secret.name, version: secret.version },
      });
      return { before, secret };
    },
  });

const deleteSecret = operation({
  name: 'vault.secret.delete',
  summary: 'Throw a secret away, with every value that it had.',
  scope: 'secrets:write',
  effect: 'wind_down',
  rate: 'control',
  audit: {
    action: 'secret.deleted',
    target: (_input: { name: string; expected: Expected }, secret: Secret) => targetOf(secret),
    detail: (_input, secret) => describe(secret),
  },
  async run(context, input): Promise<Secret> {
    const secret = await requireSecret(context, input.name, store.lockSecret);
    assertExpected(input.expected, secret.version);
    await store.deleteSecret(context.tx, secret);
    context.emit({ type: 'secret.deleted', subject: secret.id, data: { name: secret.name } });
    return secret;
  },
});

const getSecret = operation({
  ...READ,
  name: 'vault.secret.get',
  summary: 'Get what is known of a secret; never its value.',
  run: (context, input: { name: string }): Promise<Secret> => requireSecret(context, input.name),
});

const listSecrets = operation({
  ...READ,
  name: 'vault.secret.list',
  summary: 'List secrets by name; never their values.',
  async run(context, input: { limit: number; cursor: string | null }): Promise<Page<Secret>> {
    const [after = ''] = input.cursor === null ? [] : decodeCursor(input.cursor, [(key) => key.length <= 100]);
    const found = await store.listSecrets(context.tx, orgOf(context), { after, limit: input.limit + 1 });
    return pageOf(found, input.limit, ({ name }) => name);
  },
});

const listSecretVersions = operation({
  ...READ,
  name: 'vault.secret.list_versions',
  summary: 'List the versions that a secret had, newest first; never their values.',
  async run(
    context,
    input: { name: string; limit: number; cursor: string | null },
  ): Promise<{ secret: Secret; page: Page<SecretVersion> }> {
    const isVersion = (key: string): boolean => /^[1-9]\d{0,8}$/.test(key);
    const [before] = input.cursor === null ? [] : decodeCursor(input.cursor, [isVersion]);
    const secret = await requireSecret(context, input.name);
    const bounds = { before: before === undefined ? secret.version + 1 : Number(before), limit: input.limit + 1 };
    const found = await store.listVersions(context.tx, secret, bounds);
    return { secret, page: pageOf(found, input.limit, ({ version }) => String(version)) };
  },
});

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Secret) => ({ type: 'secret', id });

/** What of a secret is audited: its name, and nothing about its value. */
const describe = ({ name, description, version }: Secret) => ({ name, description, version });

async function requireSecret(
  context: Context,
  name: string,
  find: (tx: Tx, orgId: string, name: string) => Promise<Secret | null> = store.findSecret,
): Promise<Secret> {
  const secret = await find(context.tx, orgOf(context), name);
  if (!secret) throw secretErrors.not_found('There is no secret of this name.');
  return secret;
}

function valueFrom({ value, encoding }: GivenValue): SecretValue {
  const read = readValue(value.reveal(), encoding);
  if (read) return read;
  const message = `Give 1 to ${MOST_BYTES} bytes${encoding === 'base64' ? ', in base64 with its padding' : ''}.`;
  throw secretErrors.value_invalid(`The value cannot be kept. ${message}`, {
    faults: [{ field: 'value', constraint: 'value', message }],
  });
}

type Kept = { secret: Secret; value: SecretValue };

async function keep({ dataKeys }: SecretServices, { tx, by }: Context, { secret, value }: Kept): Promise<void> {
  const sealed = await dataKeys.seal(placeOf(secret.orgId, secret.id, secret.version), value.bytes);
  const { encoding, bytes } = value;
  store.insertVersion(tx, secret, { encoding, sizeBytes: bytes.length, createdBy: by.userId, sealed });
}

function pageOf<Item>(found: readonly Item[], limit: number, keyOf: (item: Item) => string): Page<Item> {
  const items = found.slice(0, limit);
  const last = items[items.length - 1];
  return { items, nextCursor: found.length > limit && last ? encodeCursor([keyOf(last)]) : null };
}
