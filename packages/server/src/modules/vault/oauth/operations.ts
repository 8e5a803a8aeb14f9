import { createHash, randomBytes } from 'node:crypto';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type AuditedAct, type Call, type Context, operation } from '../../../platform/operation.ts';
import { requireOwn } from '../credentials/access.ts';
import type { Minter } from '../credentials/minter.ts';
import type { Credential } from '../credentials/model.ts';
import { describe } from '../credentials/operations.ts';
import * as credentials from '../credentials/store.ts';
import { findToken, putToken } from '../credentials/store-tokens.ts';
import { storedCredentialErrors } from '../errors.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import type { Place } from '../keys/model.ts';
import type { IssuerClient } from './issuer-client.ts';
import { AUTHORIZATION_SECONDS, IssuerRefusal, type MintedToken, type PendingAuthorization } from './model.ts';
import * as store from './store.ts';

type Work = <Result>(orgId: string, work: (tx: Tx) => Promise<Result>) => Promise<Result>;

export type OAuthServices = {
  dataKeys: DataKeys;
  minter: Minter;
  issuers: IssuerClient;
  /** In an organization; neither is held while an issuer is asked. */
  statements: Work;
  transaction: Work;
  systemTransaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  isMember(orgId: string, userId: string): Promise<boolean>;
  /** Writes the leaf of an act of the caller in an organization. */
  audit(tx: Tx, of: { call: Call; orgId: string }, act: AuditedAct): void;
  emit(tx: Tx, orgId: string, event: { type: string; subject: string; data: Record<string, unknown> }): void;
};

export type OAuthStart = { id: string; redirectUri: string; returnTo: string | null };
/** How a person came back: all that the issuer added to the address. */
export type OAuthReturn = { state: string; query: string };

export const oauthOperations = (services: OAuthServices) =>
  ({ startOAuth: startOAuth(services), completeOAuth: completeOAuth(services) }) satisfies Record<string, AnyOperation>;

const startOAuth = (services: OAuthServices) =>
  operation({
    name: 'vault.credential.start_oauth',
    summary: 'Get the address at which you let a credential in at its issuer.',
    scope: 'credentials:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'none',
    async run(context, { id, redirectUri, returnTo }: OAuthStart): Promise<{ url: string }> {
      const orgId = String(context.by.orgId);
      const credential = await services.statements(orgId, (tx) => requireOwn({ ...context, tx }, id));
      const userId = personOf(context);
      assertInteractive(credential);
      const state = randomBytes(32).toString('base64url');
      const verifier = randomBytes(32).toString('base64url');
      const secret = await services.minter.secretOf(credential);
      const url = await askIssuer(credential, () =>
        services.issuers.authorizationUrl({ ...credential, secret }, { redirectUri, state, verifier }),
      );
      const stateHash = hashOf(state);
      const sealed = await services.dataKeys.seal(verifierPlace(orgId, stateHash), Buffer.from(verifier));
      await services.transaction(orgId, async (tx) => {
        const pending = { orgId, credentialId: credential.id, userId, redirectUri, returnTo };
        await store.insertAuthorization(tx, { ...pending, stateHash, sealed, seconds: AUTHORIZATION_SECONDS });
        services.audit(tx, { call: context.call, orgId }, actOf('credential.authorization_started', credential));
      });
      return { url: url.href };
    },
  });

const completeOAuth = (services: OAuthServices) =>
  operation({
    name: 'vault.credential.complete_oauth',
    summary: 'Come back from the issuer of a credential: it can be used from then on.',
    scope: 'authenticated',
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'none',
    async run(context, input: OAuthReturn): Promise<{ credential: Credential; returnTo: string | null }> {
      const stateHash = hashOf(input.state);
      const pending = await takePending(services, context, stateHash);
      const { orgId, credentialId } = pending;
      const found = await services.statements(orgId, (tx) => credentials.findCredential(tx, orgId, credentialId));
      const credential = assertInteractive(found);
      const verifier = await services.dataKeys.open(verifierPlace(orgId, stateHash), pending.sealed);
      const secret = await services.minter.secretOf(credential);
      const came = new URL(`${pending.redirectUri}?${input.query}`);
      const minted = await askIssuer(credential, () =>
        services.issuers.redeem({ ...credential, secret }, came, { state: input.state, verifier: verifier.toString() }),
      );
      return { credential: await keep(services, context, { credential, minted }), returnTo: pending.returnTo };
    },
  });

async function takePending(services: OAuthServices, context: Context, stateHash: Buffer) {
  const pending = await services.systemTransaction((tx) => store.takeAuthorization(tx, stateHash));
  // One answer for all that can be wrong: a state says nothing to whoever it does not belong to.
  if (!pending || pending.userId !== context.by.userId || !(await services.isMember(pending.orgId, pending.userId))) {
    throw storedCredentialErrors.state_invalid(
      'This way back from the issuer is not open: it was used, it is more than ten minutes old, or you are signed in as somebody else than who began it. Start again.',
    );
  }
  return pending satisfies PendingAuthorization;
}

type Gained = { credential: Credential; minted: MintedToken };

/** Puts in what the person brought: it takes the place of whatever was there before. */
async function keep(
  services: OAuthServices,
  { call }: Context,
  { credential: read, minted }: Gained,
): Promise<Credential> {
  const { minter, transaction, audit, emit } = services;
  const { orgId } = read;
  const name = { orgId, credentialId: read.id, subject: '' };
  return transaction(orgId, async (tx) => {
    const credential = assertInteractive(await credentials.lockCredential(tx, orgId, read.id));
    const kept = await findToken(tx, name);
    const token = await minter.sealToken(name, minted, (kept?.version ?? 0) + 1);
    const next = await minter.sealRefreshed(credential, await minter.secretOf(credential), minted);
    await putToken(tx, name, token);
    if (next) await credentials.replaceCredentialSecret(tx, credential, next);
    const to = { status: 'active' as const, outcome: 'ok', isMinted: true };
    const active = (await credentials.noteMinting(tx, credential, to)) ?? credential;
    audit(tx, { call, orgId }, actOf('credential.authorized', active));
    emit(tx, orgId, { type: 'credential.authorized', subject: active.id, data: { name: active.name } });
    return active;
  });
}

async function askIssuer<Result>(credential: Credential, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof IssuerRefusal)) throw error;
    const { word, isFinal } = error.failure;
    if (!isFinal) {
      throw storedCredentialErrors.issuer_unavailable(
        `The issuer of the credential ${credential.name} cannot be asked right now (${word}). Start again later.`,
      );
    }
    throw storedCredentialErrors.authorization_refused(
      `The issuer of the credential ${credential.name} did not let it in (${word}). Start again, or change it.`,
    );
  }
}

function assertInteractive(credential: Credential | null): Credential {
  if (!credential) throw storedCredentialErrors.unknown('There is no credential with this id.');
  if (credential.status === 'revoked')
    throw storedCredentialErrors.revoked('This credential was revoked, and that is final. Add another.');
  if (credential.kind === 'oauth2_authorization_code') return credential;
  throw storedCredentialErrors.not_interactive(
    `A credential of the kind ${credential.kind} needs nobody to let it in: use it as it is.`,
  );
}

function personOf({ by }: Context): string {
  if (by.userId !== null) return by.userId;
  throw storedCredentialErrors.no_person(
    'There is no person behind this key who could go to the issuer. Sign in, or use a key that a person made.',
  );
}

const hashOf = (state: string): Buffer => createHash('sha256').update(state).digest();

const verifierPlace = (orgId: string, stateHash: Buffer): Place => ({
  orgId,
  purpose: 'credentials',
  id: `authorization ${stateHash.toString('hex')}`,
  version: 1,
});

const actOf = (action: string, credential: Credential): AuditedAct => ({
  action,
  target: { type: 'credential', id: credential.id },
  detail: describe(credential),
  personal: {},
});
