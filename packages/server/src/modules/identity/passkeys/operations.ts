import { isUuid, newId } from '../../../kernel/ids.ts';
import { type AnyOperation, operation } from '../../../platform/operation.ts';
import { personOf } from '../accounts/person.ts';
import { existing } from '../accounts/profile-operations.ts';
import type { AccountServices } from '../accounts/services.ts';
import { findAccountById } from '../accounts/store.ts';
import { passkeyErrors } from '../errors.ts';
import type { SignedIn, SignIn } from '../login/sign-in.ts';
import * as ceremonies from './ceremonies.ts';
import type { Passkey } from './model.ts';
import type { RelyingParty } from './relying-party.ts';
import * as store from './store.ts';

export type PasskeyOptions = AccountServices & { party: RelyingParty; signIn: Pick<SignIn, 'open'> };

/** Operations on passkeys: one's own, and signing in with them. */
export const passkeyOperations = (options: PasskeyOptions) => ({
  ...ownPasskeyOperations(options),
  ...passkeySignInOperations(options),
});

function ownPasskeyOperations({ statements, transaction, party, audit }: PasskeyOptions) {
  const offerPasskey = operation({
    name: 'identity.passkey.offer',
    summary: 'Begin to make a passkey: gives what the browser needs (needs a sign-in of the last 15 minutes).',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    run: (context): Promise<ceremonies.CreationOptions> =>
      statements(async (tx) => {
        const { userId } = await personOf(context, tx, { recent: true });
        const user = existing(await findAccountById(tx, userId));
        const known = await store.listStoredPasskeys(tx, userId);
        const options = await ceremonies.registrationOptions(party, { user, known });
        const hash = ceremonies.challengeHash(options.challenge);
        await store.insertPasskeyChallenge(tx, { hash, userId, seconds: ceremonies.CHALLENGE_SECONDS });
        return options;
      }),
  });

  const registerPasskey = operation({
    name: 'identity.passkey.register',
    summary: 'Keep the passkey that the browser has made.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(context, input: { name: string; response: ceremonies.RegistrationResponse }): Promise<Passkey> {
      const { userId } = await statements((tx) => personOf(context, tx));
      const { challenge, origin } = ceremonies.clientDataOf(input.response);
      const taken = await statements((tx) => store.takePasskeyChallenge(tx, ceremonies.challengeHash(challenge)));
      if (taken?.userId !== userId || !party.isOrigin(origin)) {
        throw passkeyErrors.refused(
          'This answers no question of ours: it took too long, or was sent before. Begin again.',
        );
      }
      const made = await ceremonies.verifyRegistration(party, { response: input.response, challenge, origin });
      return transaction(async (tx) => {
        const passkey = await store.insertPasskey(tx, { ...made, id: newId(), userId, name: input.name });
        if (passkey === null) throw passkeyErrors.taken('This passkey is known already.');
        const target = { type: 'passkey', id: passkey.id };
        audit({ ...context, tx }, { orgId: context.by.orgId, userId }, { action: 'passkey.registered', target });
        return passkey;
      });
    },
  });

  const listPasskeys = operation({
    name: 'identity.passkey.list',
    summary: 'List your passkeys.',
    scope: 'authenticated',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (context): Promise<Passkey[]> =>
      statements(async (tx) => store.listPasskeys(tx, (await personOf(context, tx)).userId)),
  });

  const removePasskey = operation({
    name: 'identity.passkey.remove',
    summary: 'Remove one of your passkeys: it signs nobody in any more.',
    scope: 'authenticated',
    effect: 'wind_down',
    rate: 'control',
    audit: 'own',
    transaction: 'none',
    run: (context, input: { id: string }): Promise<Passkey> =>
      transaction(async (tx) => {
        const { userId } = await personOf(context, tx);
        const gone = isUuid(input.id) ? await store.removePasskey(tx, userId, input.id) : null;
        if (gone === null) throw passkeyErrors.not_found('You have no passkey with this id.');
        const target = { type: 'passkey', id: gone.id };
        audit({ ...context, tx }, { orgId: context.by.orgId, userId }, { action: 'passkey.removed', target });
        return gone;
      }),
  });

  return { offerPasskey, registerPasskey, listPasskeys, removePasskey } satisfies Record<string, AnyOperation>;
}

function passkeySignInOperations({ statements, party, signIn, throttle }: PasskeyOptions) {
  const challengeForPasskey = operation({
    name: 'identity.login.challenge_passkey',
    summary: 'Begin to sign in with a passkey: gives what the browser needs, the same for everybody.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: null,
    transaction: 'none',
    async run(): Promise<ceremonies.RequestOptions> {
      const options = await ceremonies.authenticationOptions(party);
      const hash = ceremonies.challengeHash(options.challenge);
      const challenge = { hash, userId: null, seconds: ceremonies.CHALLENGE_SECONDS };
      await statements((tx) => store.insertPasskeyChallenge(tx, challenge));
      return options;
    },
  });

  const loginWithPasskey = operation({
    name: 'identity.login.with_passkey',
    summary: 'Sign in with a passkey. It is two factors in itself, so no code is asked for.',
    scope: 'public',
    effect: 'read',
    rate: 'included',
    audit: 'own',
    transaction: 'none',
    async run({ call }, input: { response: ceremonies.AuthenticationResponse; client: string }): Promise<SignedIn> {
      const { challenge, origin } = ceremonies.clientDataOf(input.response);
      const credentialId = Buffer.from(input.response.id, 'base64url');
      const attempt = await throttle.signIn(`passkey ${input.response.id}`, { address: call.address, device: null });
      const { taken, key } = await statements(async (tx) => ({
        taken: await store.takePasskeyChallenge(tx, ceremonies.challengeHash(challenge)),
        key: await store.findPasskey(tx, credentialId),
      }));
      if (taken === null || taken.userId !== null || key === null || !party.isOrigin(origin))
        throw ceremonies.notVerified();
      const { response } = input;
      const counter = await ceremonies.verifyAuthentication(party, { response, challenge, origin, key });
      const { userId } = key;
      const signedIn = await signIn.open(call, { userId, method: 'passkey', client: input.client }, async (tx) => {
        if (!(await store.markPasskeyUsed(tx, key.id, counter))) throw ceremonies.notVerified();
      });
      await attempt.succeeded();
      return signedIn;
    },
  });

  return { challengeForPasskey, loginWithPasskey } satisfies Record<string, AnyOperation>;
}
