import { emailOperations } from './email-operations.ts';
import { profileOperations } from './profile-operations.ts';
import type { AccountServices } from './services.ts';
import { signUpOperations } from './sign-up-operations.ts';

/** Operations on the account of a person. */
export const accountOperations = (services: AccountServices & { isSignUpOpen: boolean }) => ({
  ...profileOperations(services),
  ...emailOperations(services),
  ...signUpOperations(services),
});
