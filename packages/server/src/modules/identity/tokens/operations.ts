import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { listSigningKeys, type SigningKeys, type SigningKeyView } from './signing-keys.ts';

export type SigningKeyOperationsOptions = {
  keys: SigningKeys;
  /** Tells every process with the commit that the keys have changed. */
  changed(tx: Tx): void;
};

/** Operations on the keys that sign access tokens. */
export function signingKeyOperations({ keys, changed }: SigningKeyOperationsOptions) {
  const listKeys = operation({
    name: 'identity.signing_key.list',
    summary: 'List the keys that sign and verify access tokens, without their secrets.',
    scope: 'platform',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'system',
    run: ({ tx }): Promise<SigningKeyView[]> => listSigningKeys(tx),
  });

  const rotateSigningKey = operation({
    name: 'identity.signing_key.rotate',
    summary: 'Sign access tokens with a new key. Tokens in use stay good, unless the old keys are distrusted.',
    scope: 'platform',
    effect: 'wind_down',
    rate: 'control',
    audit: {
      action: 'signing_key.rotated',
      target: (_input: { distrust: boolean }, [newest]: SigningKeyView[]) => ({
        type: 'signing_key',
        id: newest?.id ?? '',
      }),
      detail: ({ distrust }) => ({ distrust }),
    },
    transaction: 'system',
    async run({ tx }, { distrust }): Promise<SigningKeyView[]> {
      await keys.rotate(tx, { distrust });
      changed(tx);
      return listSigningKeys(tx);
    },
    // The answer says that it is so: on this process it is from then on.
    async afterCommit(_context, _input, output) {
      await keys.reload();
      return output;
    },
  });

  return { listSigningKeys: listKeys, rotateSigningKey } satisfies Record<string, AnyOperation>;
}
