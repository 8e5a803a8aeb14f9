import { statement, type Tx } from '../../../platform/db/index.ts';
import { type DeviceRequest, POLL_TOLERANCE_SECONDS, type PolledRequest, SLOW_DOWN_SECONDS } from './model.ts';

const insert = statement<{ id: string }>(
  'device.insert',
  `insert into device_authorizations
     (id, device_code_hash, user_code_hash, client_id, device_name, software, address, scopes, interval_seconds, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))
   on conflict on constraint device_authorizations__user_code do nothing returning id`,
);
type RequestRow = {
  id: string;
  client_id: string;
  device_name: string;
  software: string;
  address: string | null;
  scopes: string[] | null;
  created_at: Date;
  expires_at: Date;
};
const OPEN = `select id, client_id, device_name, software, address, scopes, created_at, expires_at
   from device_authorizations where user_code_hash = $1 and decision is null and expires_at > now()`;
const open = statement<RequestRow>('device.open', OPEN);
// Locked, so that of two decisions at once one is the first.
const lockOpen = statement<RequestRow>('device.lock_open', `${OPEN} for update`);
const decide = statement(
  'device.decide',
  'update device_authorizations set decision = $2, decided_at = now(), decided_by = $3, org_id = $4 where id = $1',
);
type PolledRow = Pick<RequestRow, 'id' | 'client_id' | 'device_name' | 'software' | 'scopes'> & {
  decision: 'approved' | 'denied' | null;
  decided_by: string | null;
  org_id: string | null;
  is_expired: boolean;
  is_claimed: boolean;
  is_early: boolean;
};
// Locked, so that of two polls at once one gets the tokens. Expiry counts for an approved request too: the device code
// is no longer one to guess.
const lockPolled = statement<PolledRow>(
  'device.lock_polled',
  `select id, client_id, device_name, software, scopes, decision, decided_by, org_id,
     expires_at <= now() as is_expired, claimed_at is not null as is_claimed,
     coalesce(polled_at > clock_timestamp() - make_interval(secs => interval_seconds - $2::float8), false) as is_early
   from device_authorizations where device_code_hash = $1 for update`,
);
const polled = statement(
  'device.polled',
  `update device_authorizations set polled_at = clock_timestamp(), interval_seconds = interval_seconds + $2 where id = $1`,
);
const claim = statement('device.claim', 'update device_authorizations set claimed_at = now() where id = $1');

export type NewDeviceRequest = {
  id: string;
  deviceCodeHash: Buffer;
  userCodeHash: Buffer;
  clientId: string;
  deviceName: string;
  software: string;
  address: string | null;
  scopes: readonly string[] | null;
  intervalSeconds: number;
  seconds: number;
};

/** Adds a request; false when its user code is taken. */
export async function insertRequest(tx: Tx, request: NewDeviceRequest): Promise<boolean> {
  const rows = await tx.query(insert, [
    request.id,
    request.deviceCodeHash,
    request.userCodeHash,
    request.clientId,
    request.deviceName,
    request.software,
    request.address,
    request.scopes,
    request.intervalSeconds,
    request.seconds,
  ]);
  return rows.length > 0;
}

/** A request that waits for an answer. */
export const findOpenRequest = async (tx: Tx, userCodeHash: Buffer): Promise<DeviceRequest | null> =>
  toRequest((await tx.query(open, [userCodeHash]))[0]);

/** The same, its row locked until the transaction ends. */
export const lockOpenRequest = async (tx: Tx, userCodeHash: Buffer): Promise<DeviceRequest | null> =>
  toRequest((await tx.query(lockOpen, [userCodeHash]))[0]);

export type Decision = { decision: 'approved' | 'denied'; userId: string; orgId: string | null };

export const decideRequest = (tx: Tx, id: string, { decision, userId, orgId }: Decision): void =>
  tx.defer(decide, [id, decision, userId, orgId]);

/** Finds the request of a device code and locks its row until the transaction ends. */
export async function lockPolledRequest(tx: Tx, deviceCodeHash: Buffer): Promise<PolledRequest | null> {
  const [row] = await tx.query(lockPolled, [deviceCodeHash, POLL_TOLERANCE_SECONDS]);
  if (!row) return null;
  return {
    id: row.id,
    clientId: row.client_id,
    deviceName: row.device_name,
    software: row.software,
    scopes: row.scopes,
    decision: row.decision,
    userId: row.decided_by,
    orgId: row.org_id,
    isExpired: row.is_expired,
    isClaimed: row.is_claimed,
    isEarly: row.is_early,
  };
}

/** Notes a poll; one that came too early widens the interval. */
export const notePoll = (tx: Tx, id: string, { isEarly }: { isEarly: boolean }): void =>
  tx.defer(polled, [id, isEarly ? SLOW_DOWN_SECONDS : 0]);

export const claimRequest = (tx: Tx, id: string): void => tx.defer(claim, [id]);

function toRequest(row: RequestRow | undefined): DeviceRequest | null {
  if (!row) return null;
  return {
    id: row.id,
    clientId: row.client_id,
    deviceName: row.device_name,
    software: row.software,
    address: row.address,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
