import { createHash } from 'node:crypto';
import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { passkeyErrors } from '../errors.ts';
import type { StoredPasskey } from './model.ts';
import type { RelyingParty } from './relying-party.ts';

/** How long somebody has to touch their authenticator. */
export const CHALLENGE_SECONDS = 300;

/** ES256, EdDSA, RS256: what authenticators have. */
const ALGORITHMS = [-7, -8, -257];

export type RegistrationResponse = RegistrationResponseJSON;
export type AuthenticationResponse = AuthenticationResponseJSON;
export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;

/** Read when somebody first uses a passkey: it takes 8 MB, and most installations have none. */
const webAuthn = () => import('@simplewebauthn/server');

export const challengeHash = (challenge: string): Buffer => createHash('sha256').update(challenge).digest();

const transportsOf = ({ transports }: Pick<StoredPasskey, 'transports'>): AuthenticatorTransport[] =>
  transports as AuthenticatorTransport[];

/** What a browser needs to make a passkey: one that names its owner, and asks for a finger or a PIN. */
export async function registrationOptions(
  party: RelyingParty,
  { user, known }: { user: { id: string; email: string; name: string }; known: readonly StoredPasskey[] },
): Promise<CreationOptions> {
  const { generateRegistrationOptions } = await webAuthn();
  return generateRegistrationOptions({
    rpName: party.name,
    rpID: party.id,
    userName: user.email,
    userDisplayName: user.name,
    userID: new Uint8Array(Buffer.from(user.id)),
    timeout: CHALLENGE_SECONDS * 1000,
    attestationType: 'none',
    excludeCredentials: known.map((key) => ({
      id: key.credentialId.toString('base64url'),
      transports: transportsOf(key),
    })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** What a browser needs to sign in with any passkey that it has: it names nobody, so it tells nothing of anybody. */
export async function authenticationOptions(party: RelyingParty): Promise<RequestOptions> {
  const { generateAuthenticationOptions } = await webAuthn();
  return generateAuthenticationOptions({
    rpID: party.id,
    userVerification: 'required',
    timeout: CHALLENGE_SECONDS * 1000,
  });
}

/** What an authenticator has signed about: the challenge, and the page that asked. */
export function clientDataOf(response: { response: { clientDataJSON: string } }): {
  challenge: string;
  origin: string;
} {
  try {
    const text = Buffer.from(response.response.clientDataJSON, 'base64url').toString('utf8');
    const { challenge, origin } = JSON.parse(text) as Record<string, unknown>;
    if (typeof challenge === 'string' && typeof origin === 'string') return { challenge, origin };
  } catch {
    // Falls through: it is not what a browser makes.
  }
  throw passkeyErrors.refused('The answer is not one of a browser: its client data cannot be read.');
}

/** What a new passkey is, as its authenticator says. */
export type MadePasskey = Pick<StoredPasskey, 'credentialId' | 'publicKey' | 'counter' | 'transports'> & {
  isBackedUp: boolean;
};

/** @throws AppError `invalid` for an answer that is not to this challenge, from this site, with a person present */
export async function verifyRegistration(
  party: RelyingParty,
  { response, challenge, origin }: { response: RegistrationResponse; challenge: string; origin: string },
): Promise<MadePasskey> {
  const { verifyRegistrationResponse } = await webAuthn();
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) throw new Error('It does not verify.');
    const { credential, credentialBackedUp } = registrationInfo;
    return {
      credentialId: Buffer.from(credential.id, 'base64url'),
      publicKey: Buffer.from(credential.publicKey),
      counter: credential.counter,
      transports: credential.transports ?? [],
      isBackedUp: credentialBackedUp,
    };
  } catch (cause) {
    throw passkeyErrors.refused('The passkey could not be verified. Begin again.', { cause });
  }
}

/** Gives the authenticator's counter. @throws AppError `unauthenticated` */
export async function verifyAuthentication(
  party: RelyingParty,
  {
    response,
    challenge,
    origin,
    key,
  }: { response: AuthenticationResponse; challenge: string; origin: string; key: StoredPasskey },
): Promise<number> {
  const { verifyAuthenticationResponse } = await webAuthn();
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      credential: {
        id: key.credentialId.toString('base64url'),
        publicKey: new Uint8Array(key.publicKey),
        counter: key.counter,
        transports: transportsOf(key),
      },
    });
    if (!verified) throw new Error('It does not verify.');
    return authenticationInfo.newCounter;
  } catch (cause) {
    throw notVerified(cause);
  }
}

export const notVerified = (cause?: unknown): Error =>
  passkeyErrors.failed('This passkey does not sign you in here. Begin again, or sign in with your password.', {
    cause,
  });
