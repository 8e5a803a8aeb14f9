import { type AnyOperation, type AuditedAct, type Context, operation } from '../../../platform/operation.ts';
import { findMemberships, findUserById, type Membership, type User } from '../../tenancy/index.ts';
import { findLogin } from '../login/store.ts';
import { deviceErrors } from './errors.ts';
import { type DeviceRequest, readUserCode } from './model.ts';
import * as store from './store.ts';

export type ApprovalOptions = {
  digestUserCode(userCode: string): Buffer;
  /** Writes an audit leaf of a person's act in an organization that the credential did not name. */
  auditAs(context: Context, by: { orgId: string; userId: string }, act: AuditedAct): void;
};

export type DeviceDecision = {
  userCode: string;
  decision: 'approve' | 'deny';
  /** The organization to stand for; needed by a person who belongs to several. */
  orgId: string | null;
  /** The person did not start this: somebody else had them look at it. */
  isReported: boolean;
};

/** A request with what the person may choose between. */
export type DeviceQuestion = { userCode: string; request: DeviceRequest; person: User; memberships: Membership[] };

/** What a person does with the request of a device: look at it, and decide. */
export function approvalOperations({ digestUserCode, auditAs }: ApprovalOptions) {
  const getDevice = operation({
    name: 'identity.device.get',
    summary: 'See who asks to sign in with a code: which program, from where, for what.',
    scope: 'authenticated',
    effect: 'read',
    rate: 'device',
    audit: null,
    transaction: 'system',
    async run(context, input: { userCode: string }): Promise<DeviceQuestion> {
      const person = await personOf(context);
      const userCode = readUserCode(input.userCode);
      const request = userCode === null ? null : await store.findOpenRequest(context.tx, digestUserCode(userCode));
      if (!request || userCode === null) throw unknownCode();
      return { userCode, request, person, memberships: await findMemberships(context.tx, person.id) };
    },
  });

  const decideDevice = operation({
    name: 'identity.device.decide',
    summary: 'Let a device sign in as you, or refuse it.',
    scope: 'authenticated',
    effect: 'read',
    rate: 'device',
    audit: 'own',
    transaction: 'system',
    async run(context, input: DeviceDecision): Promise<DeviceRequest> {
      const { tx, by } = context;
      const { id: userId } = await personOf(context);
      const userCode = readUserCode(input.userCode);
      const request = userCode === null ? null : await store.lockOpenRequest(tx, digestUserCode(userCode));
      if (!request) throw unknownCode();
      const isApproved = input.decision === 'approve';
      const orgId = isApproved ? await organizationOf(context, userId, input.orgId) : null;
      store.decideRequest(tx, request.id, { decision: isApproved ? 'approved' : 'denied', userId, orgId });
      const leafOrg = orgId ?? by.orgId;
      if (leafOrg !== null) {
        auditAs(context, { orgId: leafOrg, userId }, actOf(request, input));
      }
      return request;
    },
  });

  return { getDevice, decideDevice } satisfies Record<string, AnyOperation>;
}

function actOf(request: DeviceRequest, { decision, isReported }: DeviceDecision): AuditedAct {
  const denied = isReported ? 'device.reported' : 'device.denied';
  return {
    action: decision === 'approve' ? 'device.approved' : denied,
    target: { type: 'device_request', id: request.id },
    detail: { client_id: request.clientId, scopes: request.scopes },
    personal: { device_address: request.address, device_name: request.deviceName },
  };
}

/** Only somebody who signed in themselves lets devices in: no key does, and no device lets in another. */
async function personOf({ tx, by }: Context): Promise<User> {
  const login = by.loginId === null ? null : await findLogin(tx, by.loginId);
  const person = login && login.method !== 'device' ? await findUserById(tx, login.userId) : null;
  if (person) return person;
  throw deviceErrors.person_needed('A device is let in by a person who has signed in. Open the page in a browser.');
}

async function organizationOf({ tx }: Context, userId: string, asked: string | null): Promise<string | null> {
  const memberships = await findMemberships(tx, userId);
  const ids = memberships.map(({ organization }) => organization.id as string);
  const chosen = asked === null && ids.length < 2 ? (ids[0] ?? null) : ids.find((id) => id === asked);
  if (chosen !== undefined) return chosen;
  throw deviceErrors.organization_needed('Choose one of your organizations: the device will work in it.', {
    faults: [{ field: 'organization', constraint: 'required', message: 'Choose one of your organizations.' }],
  });
}

const unknownCode = (): Error =>
  deviceErrors.code_unknown('No device waits with this code: it is mistyped, used up or expired. Look at the device.');
