import {
  accountOperations,
  domainOperations,
  ownLoginOperations,
  passkeyOperations,
  passwordOperations,
  providerOperations,
  secondFactorOperations,
  signingKeyOperations,
  ssoOperations,
} from '../modules/identity/index.ts';
import { type Core, TOPICS } from './core.ts';

/** Operations by which people keep their accounts, and organizations say where they sign in. */
export function peopleOperations({ config, accounts, passkeys, signingKeys, singleSignOn, wakeups }: Core) {
  return {
    ownLogins: ownLoginOperations(accounts),
    passwords: passwordOperations(accounts),
    accounts: accountOperations({ ...accounts, isSignUpOpen: config.signUp }),
    secondFactors: secondFactorOperations(accounts),
    passkeys: passkeyOperations(passkeys),
    identityProviders: {
      ...providerOperations(singleSignOn.providers),
      ...domainOperations(singleSignOn.domains),
    },
    sso: ssoOperations(singleSignOn.sso),
    signingKeys: signingKeyOperations({
      keys: signingKeys,
      changed: (tx) => wakeups.raiseWith(tx, TOPICS.signingKeys),
    }),
  };
}
