import { invitationErrors } from '../errors.ts';
import type { Invitation } from './model.ts';

/** @throws AppError `conflict` for an invitation that was answered, taken back, or whose time is over */
export function assertAnswerable({ state }: Invitation): void {
  if (state === 'pending') return;
  if (state === 'expired') throw invitationErrors.expired('The invitation has expired. Ask for a new one.');
  throw invitationErrors.settled(`The invitation was ${state} already. Ask for a new one if you need it.`);
}
