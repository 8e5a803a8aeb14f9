import type { Tx } from '../../../platform/db/index.ts';
import { storedCredentialErrors } from '../errors.ts';
import { type Minter, needsReauth } from './minter.ts';
import { type Authorization, type Credential, type CredentialSecret, isMinted } from './model.ts';
import { findCredential, resolveCredential } from './store.ts';

export type CredentialUserServices = {
  minter: Minter;
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

/** Which credential: by its name, and on whose behalf. */
export type CredentialUse = { orgId: string; name: string; userId: string | null; subject?: string | undefined };

/** How a credential is used, where it leaves that open. */
export type CredentialManner = {
  /** On whose behalf, for the kind that says one. */
  subject?: string;
  /** Where an API key goes that names no header of its own; else it is a bearer token. */
  keyHeader?(key: string): Readonly<Record<string, string>>;
};

/** Uses credentials for calls to others. Waits on issuers, so it is never called within a transaction. */
export class Credentials {
  readonly #services: CredentialUserServices;

  constructor(services: CredentialUserServices) {
    this.#services = services;
  }

  /**
   * The credential that a name stands for: the organization's, or the caller's own where that may take its place.
   * @throws AppError `not_found` when there is none
   */
  async resolve({ orgId, name, userId }: CredentialUse): Promise<Credential> {
    const found = await this.#services.statements(orgId, (tx) => resolveCredential(tx, { orgId, name, userId }));
    if (!found) throw storedCredentialErrors.unknown(`There is no credential named ${name}.`);
    return found;
  }

  /** A credential by its id, whoever's it is and however it stands; null when the organization has none. */
  find(tx: Tx, orgId: string, id: string): Promise<Credential | null> {
    return findCredential(tx, orgId, id);
  }

  /**
   * What to send so that a call is let in.
   * @throws AppError `credential.*` that says why not, and when again
   */
  async authorizationFor(
    credential: Credential,
    { subject, keyHeader }: CredentialManner = {},
  ): Promise<Authorization> {
    const { minter } = this.#services;
    if (credential.status === 'needs_reauth') throw needsReauth(credential);
    if (!isMinted(credential.kind)) {
      const secret = await minter.secretOf(credential);
      const { header, prefix } = credential.config;
      const isOpen = credential.kind === 'api_key' && header === undefined && prefix === undefined;
      if (isOpen && keyHeader) return { headers: keyHeader(secret.api_key ?? ''), query: {} };
      return staticAuthorization(credential, secret);
    }
    const token = await minter.token(credential, subjectOf(credential, subject));
    return { headers: { authorization: `Bearer ${token}` }, query: {} };
  }

  /** The far side refused what was sent: a token is replaced before its time. */
  async rejected(credential: Credential, sent: Authorization, subject?: string): Promise<void> {
    const token = /^Bearer (.+)$/.exec(sent.headers['authorization'] ?? '')?.[1];
    if (isMinted(credential.kind) && token !== undefined)
      await this.#services.minter.reject(credential, subjectOf(credential, subject), token);
  }
}

function subjectOf({ kind, config }: Credential, subject: string | undefined): string {
  if (kind !== 'oauth2_jwt_bearer_with_subject') return '';
  const named = subject ?? config.subject;
  if (named !== undefined) return named;
  throw storedCredentialErrors.subject_missing(
    'This credential acts for somebody: say for whom, or give it a `subject` of its own.',
  );
}

/** The header that a key is sent in unless another is named. */
const DEFAULT_HEADER = 'authorization';

function staticAuthorization({ kind, config }: Credential, secret: CredentialSecret): Authorization {
  const { api_key: key = '', username = '', password = '' } = secret;
  switch (kind) {
    case 'query_api_key':
      return { headers: {}, query: { [config.parameter ?? '']: key } };
    case 'basic_auth': {
      const both = Buffer.from(`${username}:${password}`).toString('base64');
      return { headers: { authorization: `Basic ${both}` }, query: {} };
    }
    default: {
      const header = (config.header ?? DEFAULT_HEADER).toLowerCase();
      const prefix = config.prefix ?? (header === DEFAULT_HEADER ? 'Bearer ' : '');
      return { headers: { [header]: prefix + key }, query: {} };
    }
  }
}
