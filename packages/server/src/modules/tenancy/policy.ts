import type { MemberRole } from '../../kernel/principal.ts';
import { customRoleErrors, memberErrors } from './errors.ts';
import { rankOf } from './model.ts';

/*
 * Who may do what to whom. Rules hold under concurrency because every change of who may do what locks the organization's
 * row first and reads standings behind that lock:
 *  - an organization has an owner;
 *  - only an owner makes or changes owners;
 *  - nobody grants a role above their own, or a scope that they or their credential lack;
 *  - nobody changes a member who stands as high as they do, unless they are an owner;
 *  - nobody changes their own role, nor a custom role that they hold.
 */

/** How the caller stands in the organization right now. */
export type Standing = {
  /** The person behind the credential; null for a key whose maker has left. */
  userId: string | null;
  role: MemberRole;
  /** What credential and role allow, both. */
  holds(scope: string): boolean;
};

/** Somebody in the organization, as far as the rules ask. */
export type Subject = { userId: string; role: MemberRole };

/** @throws AppError `denied` when the caller may not give this role, with these scopes, to anybody */
export function assertMayGrant(by: Standing, role: MemberRole, scopes: Iterable<string>): void {
  if (rankOf(role) > rankOf(by.role)) {
    throw memberErrors.above_you(
      role === 'owner'
        ? 'Only an owner makes owners. Ask one.'
        : `You are ${by.role} and cannot give the role ${role}. Ask somebody who holds it.`,
    );
  }
  assertHolds(by, scopes);
}

/** @throws AppError `denied` when the caller lacks one of the scopes that are to be given away */
export function assertHolds(by: Standing, scopes: Iterable<string>): void {
  const beyond = [...scopes].filter((scope) => !by.holds(scope));
  if (beyond.length === 0) return;
  throw memberErrors.beyond_you(`Nobody gives what they do not hold. You lack: ${beyond.sort().join(', ')}.`, {
    faults: beyond.map((scope) => ({ field: 'scopes', constraint: 'within_yours', message: `You lack ${scope}.` })),
  });
}

/** @throws AppError `denied` when this member is not the caller's to change or remove */
export function assertMayManage(by: Standing, subject: Subject): void {
  if (by.userId === subject.userId) {
    throw memberErrors.own_role(
      'Nobody changes their own role. Ask another owner or admin, or leave the organization.',
    );
  }
  if (by.role === 'owner') return;
  if (subject.role === 'owner') throw memberErrors.above_you('Only an owner changes or removes owners. Ask one.');
  if (rankOf(subject.role) >= rankOf(by.role)) {
    throw memberErrors.above_you(`This member is ${subject.role} and you are ${by.role}. Ask an owner.`);
  }
}

/** @throws AppError `denied` when changing this custom role would change the caller, or somebody out of reach */
export function assertMayReshape(by: Standing, holders: readonly Subject[]): void {
  if (holders.some(({ userId }) => userId === by.userId)) {
    throw customRoleErrors.own('You hold this role yourself. Ask another owner or admin to change it.');
  }
  for (const holder of holders) assertMayManage(by, holder);
}
