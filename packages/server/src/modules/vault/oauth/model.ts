/** What an issuer gave. */
export type MintedToken = {
  access_token: string;
  token_type: string;
  expires_in?: number | undefined;
  refresh_token?: string | undefined;
};

/** Why an issuer gave nothing: a word of OAuth, or one of ours; never what the issuer said in full. */
export type IssuerFailure = {
  word: string;
  /** Asking again would not help. */
  isFinal: boolean;
};

/** An issuer gave nothing. Without a cause: what was thrown may hold what was sent. */
export class IssuerRefusal extends Error {
  readonly failure: IssuerFailure;

  constructor(failure: IssuerFailure) {
    super(`The issuer gave no token: ${failure.word}.`);
    this.name = 'IssuerRefusal';
    this.failure = failure;
  }
}

/** How long a person has to let a credential in. */
export const AUTHORIZATION_SECONDS = 600;

/** A person on the way to an issuer and back. */
export type PendingAuthorization = {
  orgId: string;
  credentialId: string;
  userId: string;
  redirectUri: string;
  returnTo: string | null;
};
