import { type AppError, toAppError } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { AnyOperation } from '../../platform/operation.ts';
import { coverage } from './catalogue.ts';
import { accessErrors } from './errors.ts';
import { type AllowedBecause, type Decision, decide, type Matched, type RefusedBecause } from './policy.ts';
import { type Asked, isOwn, type Owner, type Question, type ResourceTypes, understand } from './resources.ts';

/** Somebody else than the caller. */
export type PrincipalRef = { kind: 'user' | 'api_key'; id: string };
export type Check = Question & { principal: PrincipalRef | null };

/** Why, in a word: what a decision says, and what only a question about somebody or some row can come to. */
export type Reason = AllowedBecause | RefusedBecause | 'own_only' | 'not_owner' | 'not_found' | 'unknown_principal';
export type Verdict = { allowed: boolean; reason: Reason; matched: Matched | null };
/** The answer to one of many questions; a question that makes no sense has an error instead. */
export type CheckResult = { verdict: Verdict } | { error: AppError };

export type CheckServices = {
  types: ResourceTypes;
  /** Every operation, by name. */
  operations(): ReadonlyMap<string, AnyOperation>;
  /** What somebody of the organization may do now; null when it has no such principal. */
  findPrincipal(orgId: string, ref: PrincipalRef): Promise<Principal | null>;
};

const no = (reason: Reason): Verdict => ({ allowed: false, reason, matched: null });

/**
 * Answers many questions with as few look-ups as there are kinds of things and principals in them.
 * @param by who asks; only who may see members may ask about somebody else
 */
export async function answerChecks(
  services: CheckServices,
  by: Principal,
  checks: readonly Check[],
  now: Date,
): Promise<CheckResult[]> {
  const understood = understanding(services, by);
  const decided = decisions(now);
  const asked = checks.map(understood);
  const [owners, principals] = await Promise.all([findOwners(by, asked), findPrincipals(services, by, checks, asked)]);
  return asked.map((each, index) => {
    if (!('governed' in each)) return { error: each };
    const ref = checks[index]?.principal ?? null;
    const principal = ref === null ? by : (principals.get(keyOf(ref)) ?? null);
    return { verdict: principal === null ? no('unknown_principal') : verdictOf(principal, each, owners, decided) };
  });
}

/** Understands questions; those that differ only in whom or which row they are about are understood once. */
function understanding({ types, operations }: CheckServices, by: Principal): (check: Check) => Asked | AppError {
  const known = operations();
  const mayAskOfOthers = coverage(by.scopes, 'members:read') === 'all';
  const seen = new Map<string, Asked | AppError>();
  return ({ principal, action, resource }) => {
    if (principal !== null && !mayAskOfOthers && !isSelf(by, principal))
      return accessErrors.scope_missing('Asking about somebody else needs the scope members:read. Ask about yourself.');
    const key = `${resource.type.length}:${resource.type}:${resource.id === null ? 'all' : 'one'}:${action}`;
    const before = seen.get(key) ?? attempt(() => understand({ action, resource }, types, known));
    seen.set(key, before);
    return 'governed' in before ? { ...before, id: resource.id } : before;
  };
}

type Decided = (principal: Principal, governed: Asked['governed']) => Decision;

/** Decides once for each principal and action. */
function decisions(now: Date): Decided {
  const seen = new Map<Principal, Map<Asked['governed'], Decision>>();
  return (principal, governed) => {
    const ofPrincipal = seen.get(principal) ?? new Map<Asked['governed'], Decision>();
    seen.set(principal, ofPrincipal);
    const decision = ofPrincipal.get(governed) ?? decide(principal, governed, now);
    ofPrincipal.set(governed, decision);
    return decision;
  };
}

const isSelf = (by: Principal, { kind, id }: PrincipalRef): boolean => by.kind === kind && by.id === id;

type OwnersByType = ReadonlyMap<string, ReadonlyMap<string, Owner>>;

function verdictOf(principal: Principal, asked: Asked, owners: OwnersByType, decided: Decided): Verdict {
  const { governed, typeName, id } = asked;
  const decision = decided(principal, governed);
  const { allowed, reason, matched } = decision;
  // A scope is asked for whole: who holds the part of it that is their own is told so.
  const isScope = governed.name === governed.scope;
  if (id === null) return allowed && decision.ownOnly && isScope ? no('own_only') : { allowed, reason, matched };
  const owner = owners.get(typeName)?.get(id.toLowerCase());
  if (owner === undefined) return no('not_found');
  if (allowed && decision.ownOnly && !isOwn(principal, owner)) return no('not_owner');
  return { allowed, reason, matched };
}

/** Which rows there are, and whose: one look-up for each type. */
async function findOwners(by: Principal, asked: readonly (Asked | AppError)[]): Promise<OwnersByType> {
  const byType = new Map<string, { type: Asked['type']; ids: Set<string> }>();
  for (const each of asked) {
    if (!('governed' in each) || each.id === null) continue;
    const entry = byType.get(each.typeName) ?? { type: each.type, ids: new Set<string>() };
    entry.ids.add(each.id.toLowerCase());
    byType.set(each.typeName, entry);
  }
  const { orgId } = by;
  const found = await Promise.all(
    [...byType].map(async ([name, { type, ids }]) => {
      const { find } = type;
      const none: ReadonlyMap<string, Owner> = new Map();
      return [name, find === null || orgId === null ? none : await find(orgId, [...ids])] as const;
    }),
  );
  return new Map(found);
}

async function findPrincipals(
  { findPrincipal }: CheckServices,
  by: Principal,
  checks: readonly Check[],
  asked: readonly (Asked | AppError)[],
): Promise<Map<string, Principal | null>> {
  const refs = new Map<string, PrincipalRef>();
  for (const [index, { principal }] of checks.entries()) {
    if (principal !== null && 'governed' in (asked[index] ?? {})) refs.set(keyOf(principal), principal);
  }
  const { orgId } = by;
  const found = await Promise.all(
    [...refs].map(async ([key, ref]) => {
      if (isSelf(by, ref)) return [key, by] as const;
      return [key, orgId === null ? null : await findPrincipal(orgId, ref)] as const;
    }),
  );
  return new Map(found);
}

const keyOf = ({ kind, id }: PrincipalRef): string => `${kind}:${id.toLowerCase()}`;

/** Turns the refusal of one question into a value: the others are answered. Faults of ours end all. */
function attempt(work: () => Asked): Asked | AppError {
  try {
    return work();
  } catch (thrown) {
    const refusal = toAppError(thrown);
    if (refusal.kind === 'internal') throw refusal;
    return refusal;
  }
}
