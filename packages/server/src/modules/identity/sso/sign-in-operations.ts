import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { newId } from '../../../kernel/ids.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Call, type NewEvent, operation } from '../../../platform/operation.ts';
import { admitMember, findMembership } from '../../tenancy/index.ts';
import type { AccountServices } from '../accounts/services.ts';
import { type Account, findAccountByEmail, findAccountById, insertAccount } from '../accounts/store.ts';
import { ssoErrors } from '../errors.ts';
import type { SignedIn, SignIn } from '../login/sign-in.ts';
import type { Issuers, Secrets } from './issuers.ts';
import { type Claims, domainOf, type IdentityProvider, roleFrom } from './model.ts';
import type { ProviderSecrets } from './provider-secrets.ts';
import { findProvider } from './store.ts';
import * as store from './store-attempts.ts';

export type SsoOptions = Pick<
  AccountServices,
  'statements' | 'transaction' | 'audit' | 'grantsChanged' | 'throttle'
> & {
  issuers: Issuers;
  secrets: ProviderSecrets;
  signIn: Pick<SignIn, 'open'>;
  emit(tx: Tx, orgId: string, event: NewEvent): void;
};

/** How long somebody has at their issuer. */
export const ATTEMPT_SECONDS = 600;

/** By which provider somebody signs in: that of an organization, or the one that speaks for an e-mail address. */
export type SsoWish = { organization: string } | { email: string };

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Operations that sign people in at the issuer of their organization. They hold no connection while it is asked. */
export function ssoOperations(options: SsoOptions) {
  const { statements, transaction, issuers, secrets, signIn, throttle } = options;

  const startSso = operation({
    name: 'identity.login.start_sso',
    summary: 'Send somebody to the issuer of their organization to sign in.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: null,
    transaction: 'none',
    async run({ call }, input: { wish: SsoWish; redirectUri: string; returnTo: string; client: string }) {
      await throttle.address('sign-up', call.address);
      const { provider, secret } = await statements((tx) => providerFor(tx, secrets, input.wish));
      const loginHint = 'email' in input.wish ? input.wish.email : null;
      const begun = await issuers.begin(provider, { secret, redirectUri: input.redirectUri, loginHint });
      const browser = randomBytes(32).toString('base64url');
      const attempt = {
        orgId: provider.orgId,
        id: provider.id,
        browserHash: sha256(browser),
        sealedSecrets: secrets.seal(provider.id, JSON.stringify(begun.secrets)),
        returnTo: input.returnTo,
        client: input.client.slice(0, 200),
      };
      const stateHash = sha256(begun.secrets.state);
      await statements((tx) => store.insertSsoAttempt(tx, { ...attempt, stateHash, seconds: ATTEMPT_SECONDS }));
      return { url: begun.url, browser };
    },
  });

  const completeSso = operation({
    name: 'identity.login.complete_sso',
    summary: 'Sign in somebody who comes back from their issuer.',
    scope: 'public',
    effect: 'read',
    rate: 'login',
    audit: 'own',
    transaction: 'none',
    async run(
      { call },
      input: { state: string; query: string; browser: string | null },
    ): Promise<{ signedIn: SignedIn; returnTo: string }> {
      const attempt = await statements((tx) => store.takeSsoAttempt(tx, sha256(input.state)));
      if (attempt === null || !isSameBrowser(attempt.browserHash, input.browser)) {
        throw ssoErrors.attempt_ended('This sign-in is not under way in this browser, or took too long. Begin again.');
      }
      const { provider, secret } = await statements((tx) => livingProvider(tx, secrets, attempt));
      const kept = JSON.parse(secrets.open(provider.id, attempt.sealedSecrets) ?? '') as Secrets;
      const claims = await issuers.finish(provider, { secret, secrets: kept, query: input.query });
      const userId = await transaction((tx) => admit(tx, options, { call, provider, claims }));
      const opened = { userId, method: 'sso', client: attempt.client, orgId: provider.orgId } as const;
      const signedIn = await signIn.open(call, opened, async () => {});
      return { signedIn, returnTo: attempt.returnTo };
    },
  });

  return { startSso, completeSso } satisfies Record<string, AnyOperation>;
}

const isSameBrowser = (hash: Buffer, browser: string | null): boolean =>
  browser !== null && timingSafeEqual(hash, sha256(browser));

type Found = { provider: IdentityProvider; secret: string | null };

async function providerFor(tx: Tx, secrets: ProviderSecrets, wish: SsoWish): Promise<Found> {
  const ref =
    'email' in wish
      ? await store.findProviderByDomain(tx, domainOf(wish.email))
      : await store.findProviderByOrganization(tx, wish.organization);
  if (ref === null) throw noProvider();
  return livingProvider(tx, secrets, ref);
}

async function livingProvider(tx: Tx, secrets: ProviderSecrets, ref: store.ProviderRef): Promise<Found> {
  const provider = (await store.isProviderAlive(tx, ref)) ? await findProvider(tx, ref.orgId, ref.id) : null;
  if (provider === null) throw noProvider();
  return { provider, secret: secrets.open(provider.id, await store.findSealedSecret(tx, ref)) };
}

const noProvider = (): Error =>
  ssoErrors.not_found('There is no single sign-on for this. Sign in with your password, or ask your administrator.');

/**
 * Decides who somebody is, and makes them what the claims say: an account, a member, of a role.
 * @throws AppError `denied`, saying what is in the way
 */
async function admit(
  tx: Tx,
  options: SsoOptions,
  { call, provider, claims }: { call: Call; provider: IdentityProvider; claims: Claims },
): Promise<string> {
  const email = provedEmail(provider, claims);
  const role = roleFrom(provider, claims.all);
  const account = await accountOf(tx, { provider, claims, email });
  if (account !== null && account.disabledAt !== null) {
    throw ssoErrors.not_a_member('This account is disabled. Ask your administrator.');
  }
  const { orgId } = provider;
  const membership = account === null ? null : await findMembership(tx, account.id, orgId);
  if (role === null || (membership === null && !provider.createsMembers)) {
    throw ssoErrors.not_a_member('You are not a member of this organization. Ask its administrator to let you in.');
  }
  const userId = account?.id ?? (await makeAccount(tx, email, claims));
  store.bindFederatedUser(tx, provider, claims.subject, userId);
  const record = { tx, options, call, orgId, userId };
  if (membership === null) {
    await admitMember(tx, { orgId, userId, role });
    tell(record, 'member.added', { role });
  } else if (provider.roleClaim !== null) {
    const before = await store.applyFederatedRole(tx, { orgId, userId, role });
    if (before !== null) tell(record, 'member.updated', { role, before });
  }
  return userId;
}

type Happening = { tx: Tx; options: SsoOptions; call: Call; orgId: string; userId: string };

/** Writes down what the claims of an issuer made of somebody. */
function tell(
  { tx, options, call, orgId, userId }: Happening,
  action: string,
  detail: { [field: string]: unknown },
): void {
  const act = { action, target: { type: 'user', id: userId }, detail: { ...detail, by: 'sso' } };
  options.audit({ tx, call }, { orgId, userId }, act);
  options.emit(tx, orgId, { type: action, subject: userId, data: { user_id: userId, ...detail } });
  options.grantsChanged(tx);
}

/** The address that the issuer vouches for, and that it may. */
function provedEmail(provider: IdentityProvider, { email, isEmailVerified }: Claims): string {
  if (email === null || !isEmailVerified || !/^[^\s@]+@[^\s@]+$/.test(email)) {
    throw ssoErrors.email_unverified(
      'The issuer does not say that your e-mail address is verified. Ask whoever runs it.',
    );
  }
  const isOurs = provider.domains.some(({ domain, verifiedAt }) => verifiedAt !== null && domain === domainOf(email));
  if (!isOurs) {
    throw ssoErrors.domain_foreign(
      `Addresses of ${domainOf(email)} do not sign in here: the organization has not proved that domain.`,
    );
  }
  return email;
}

/** By the subject, which is theirs for good, else by the address. A known person whose address left stays out. */
async function accountOf(
  tx: Tx,
  { provider, claims, email }: { provider: IdentityProvider; claims: Claims; email: string },
): Promise<Account | null> {
  const known = await store.findFederatedUser(tx, provider, claims.subject);
  if (known === null) return findAccountByEmail(tx, email);
  const account = await findAccountById(tx, known);
  const isStillOurs = provider.domains.some(
    ({ domain, verifiedAt }) => verifiedAt !== null && account !== null && domain === domainOf(account.email),
  );
  if (isStillOurs) return account;
  throw ssoErrors.domain_foreign(
    'Your account has an address outside the domains of this organization. Sign in otherwise.',
  );
}

async function makeAccount(tx: Tx, email: string, { name }: Claims): Promise<string> {
  const account = { id: newId(), email, name: (name ?? email).slice(0, 100), passwordHash: null };
  if (await insertAccount(tx, account)) return account.id;
  // Two sign-ins of somebody new at once: the other one has made it.
  const made = await findAccountByEmail(tx, email);
  if (made === null) throw ssoErrors.failed('This address belongs to something that cannot sign in.');
  return made.id;
}
