import { newId } from '../../../kernel/ids.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { SCOPES } from '../../access/index.ts';
import { findMembership, findUserById } from '../../tenancy/index.ts';
import { hashToken, type Logins, type TokenPair } from '../login/logins.ts';
import { DEVICE_TOKEN_SECONDS } from '../login/model.ts';
import { type ApprovalOptions, approvalOperations } from './approval.ts';
import { deviceErrors } from './errors.ts';
import {
  clientName,
  newDeviceCode,
  newUserCode,
  POLL_SECONDS,
  type PolledRequest,
  type PollRefusal,
  REQUEST_SECONDS,
  refusalOf,
} from './model.ts';
import * as store from './store.ts';

export type DeviceOperationsOptions = ApprovalOptions & { logins: Logins };

/** What the page shows of a User-Agent, which can be as long as a caller likes. */
const SOFTWARE_CHARACTERS = 200;

export type StartedDevice = {
  deviceCode: string;
  userCode: string;
  expiresInSeconds: number;
  intervalSeconds: number;
};

/** What a poll gives: tokens, or why there are none. */
export type PollOutcome =
  | { outcome: 'granted'; pair: TokenPair; scopes: readonly string[] | null }
  | { outcome: 'refused'; reason: PollRefusal };

export function deviceOperations({ logins, digestUserCode, auditAs }: DeviceOperationsOptions) {
  const startDevice = operation({
    name: 'identity.device.start',
    summary: 'Begin to sign in a device: gives a code for it to poll with, and one for a person to approve.',
    scope: 'public',
    effect: 'read',
    rate: 'fleet',
    audit: null,
    transaction: 'system',
    async run(
      { tx, call },
      input: { clientId: string; deviceName: string; software: string; scopes: readonly string[] | null },
    ): Promise<StartedDevice> {
      assertKnown(input.scopes ?? []);
      const deviceCode = newDeviceCode();
      for (;;) {
        const userCode = newUserCode();
        const isFree = await store.insertRequest(tx, {
          ...input,
          software: input.software.slice(0, SOFTWARE_CHARACTERS),
          id: newId(),
          deviceCodeHash: hashToken(deviceCode),
          userCodeHash: digestUserCode(userCode),
          address: call.address,
          intervalSeconds: POLL_SECONDS,
          seconds: REQUEST_SECONDS,
        });
        if (isFree) return { deviceCode, userCode, expiresInSeconds: REQUEST_SECONDS, intervalSeconds: POLL_SECONDS };
      }
    },
  });

  const pollDevice = operation({
    name: 'identity.device.poll',
    summary: 'Trade the code of an approved device for tokens, once.',
    scope: 'public',
    effect: 'read',
    rate: 'fleet',
    audit: 'own',
    transaction: 'system',
    // A refusal is an outcome, not an error: that it was asked too soon must be committed.
    async run(context, input: { deviceCode: string; clientId: string }): Promise<PollOutcome> {
      const { tx, call } = context;
      const request = await store.lockPolledRequest(tx, hashToken(input.deviceCode));
      const reason = refusalOf(request, input.clientId);
      if (reason !== null || request === null) {
        if (reason === 'slow_down' || reason === 'authorization_pending') {
          store.notePoll(tx, String(request?.id), { isEarly: reason === 'slow_down' });
        }
        return { outcome: 'refused', reason: reason ?? 'invalid_grant' };
      }
      const userId = await approverOf(context, request);
      if (userId === null) return { outcome: 'refused', reason: 'access_denied' };
      store.claimRequest(tx, request.id);
      const { clientId, scopes, orgId } = request;
      const signIn = { userId, method: 'device', client: clientName(request), orgId, scopes, clientId } as const;
      const pair = await logins.openTokens(tx, signIn, { call, accessSeconds: DEVICE_TOKEN_SECONDS });
      if (orgId !== null) {
        const target = { type: 'user', id: userId };
        const detail = { method: 'device', client_id: clientId, device_request: request.id, scopes };
        auditAs(context, { orgId, userId }, { action: 'login.created', target, detail, personal: {} });
      }
      return { outcome: 'granted', pair, scopes };
    },
  });

  return { startDevice, pollDevice, ...approvalOperations({ digestUserCode, auditAs }) } satisfies Record<
    string,
    AnyOperation
  >;
}

/** The person who approved, unless they may no longer sign in or have left the organization since. */
async function approverOf({ tx }: Context, { userId, orgId }: PolledRequest): Promise<string | null> {
  const person = userId === null ? null : await findUserById(tx, userId);
  if (!person || person.disabledAt) return null;
  if (orgId !== null && (await findMembership(tx, person.id, orgId)) === null) return null;
  return person.id;
}

function assertKnown(scopes: readonly string[]): void {
  const unknown = scopes.filter((scope) => !Object.hasOwn(SCOPES, scope));
  if (unknown.length === 0) return;
  throw deviceErrors.invalid_scope(
    `Unknown scopes: ${unknown.join(' ')}. Known are: ${Object.keys(SCOPES).join(' ')}.`,
  );
}
