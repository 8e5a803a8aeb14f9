import { isUuid } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { assertExpected, type Expected } from '../../../kernel/precondition.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { policyErrors } from '../errors.ts';
import { type ModelPolicy, nameOfSubject, type PolicyTerms, SUBJECT_KINDS, type Subject } from './model.ts';
import * as store from './store.ts';

export type PolicyServices = {
  /** Whether the organization has this team or key, or is it. */
  subjectExists(tx: Tx, orgId: string, subject: Subject): Promise<boolean>;
  /** Drops what processes remember of policies, at the commit and everywhere. */
  policiesChanged(tx: Tx): void;
};

export type PolicyChange = { subject: Subject; terms: PolicyTerms; expected: Expected };
type Changed = { before: ModelPolicy | null; policy: ModelPolicy };

/** All of them are read together, and remembered: a policy for each key there is, and little enough to look through. */
const MOST_POLICIES = 5_000;

const READ = { scope: 'providers:read', effect: 'read', rate: 'control', audit: null } as const;
// Deleting ends a limit and no work: whoever is behind with paying must not lift their own limits.
const WRITE = { scope: 'providers:write', effect: 'create', rate: 'control' } as const;

export const policyOperations = (services: PolicyServices) =>
  ({
    listPolicies,
    getPolicy,
    setPolicy: setPolicy(services),
    deletePolicy: deletePolicy(services),
  }) satisfies Record<string, AnyOperation>;

const listPolicies = operation({
  ...READ,
  name: 'providers.model_policy.list',
  summary: 'List what calls of models may do, by organization, team and key.',
  async run(context, { limit, cursor }: { limit: number; cursor: string | null }): Promise<Page<ModelPolicy>> {
    const [kind, id] = cursor === null ? [] : decodeCursor(cursor, [isKind, isUuid]);
    const after = kind !== undefined && id !== undefined ? { kind: kind as Subject['kind'], id } : null;
    const found = await store.listPolicies(context.tx, { orgId: orgOf(context), after, limit: limit + 1 });
    const items = found.slice(0, limit);
    const last = items.at(-1)?.subject;
    return { items, nextCursor: found.length > limit && last ? encodeCursor([last.kind, last.id]) : null };
  },
});

const getPolicy = operation({
  ...READ,
  name: 'providers.model_policy.get',
  summary: 'Get what calls of the organization, a team or a key may do.',
  async run(context, { subject }: { subject: Subject }): Promise<ModelPolicy> {
    const found = await store.findPolicy(context.tx, placeOf(context, subject));
    if (!found) throw noPolicy(subject);
    return found;
  },
});

const setPolicy = ({ subjectExists, policiesChanged }: PolicyServices) =>
  operation({
    ...WRITE,
    name: 'providers.model_policy.set',
    summary: 'Say which providers and models a subject may ask, how many tokens a minute, and what is cached.',
    audit: {
      action: 'model_policy.set',
      target: (_input: PolicyChange, { policy }: Changed) => targetOf(policy),
      detail: (_input, { before, policy }) => ({ before: before && describe(before), after: describe(policy) }),
    },
    async run(context, { subject, terms, expected }): Promise<Changed> {
      const { tx } = context;
      const place = placeOf(context, subject);
      if (!(await subjectExists(tx, place.orgId, subject))) throw noSubject(subject);
      await assertTeam(terms, subject, (team) => subjectExists(tx, place.orgId, team));
      const before = await store.lockPolicy(tx, place);
      assertExpected(expected, before?.version ?? 0);
      if (before === null && (await store.countPolicies(tx, place.orgId)) >= MOST_POLICIES)
        throw policyErrors.too_many(`An organization has at most ${MOST_POLICIES} model policies.`);
      const policy = await store.putPolicy(tx, { ...place, terms, updatedBy: context.by.id });
      policiesChanged(tx);
      context.emit({ type: 'model_policy.set', subject: subject.id, data: { subject, ...describe(policy) } });
      return { before, policy };
    },
  });

const deletePolicy = ({ policiesChanged }: PolicyServices) =>
  operation({
    ...WRITE,
    name: 'providers.model_policy.delete',
    summary: 'Delete a model policy: it bounds nothing any more.',
    audit: {
      action: 'model_policy.deleted',
      target: (_input: { subject: Subject; expected: Expected }, policy: ModelPolicy) => targetOf(policy),
      detail: (_input, policy) => ({ before: describe(policy) }),
    },
    async run(context, { subject, expected }): Promise<ModelPolicy> {
      const place = placeOf(context, subject);
      const policy = await store.lockPolicy(context.tx, place);
      if (!policy) throw noPolicy(subject);
      assertExpected(expected, policy.version);
      await store.deletePolicy(context.tx, place);
      policiesChanged(context.tx);
      context.emit({ type: 'model_policy.deleted', subject: subject.id, data: { subject } });
      return policy;
    },
  });

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const isKind = (text: string): boolean => (SUBJECT_KINDS as readonly string[]).includes(text);
const targetOf = ({ subject }: ModelPolicy) => ({ type: 'model_policy', id: `${subject.kind}/${subject.id}` });

const describe = ({ providers, models, tokensPerMinute, teamId, cache }: ModelPolicy): Record<string, unknown> => ({
  providers,
  models,
  tokens_per_minute: tokensPerMinute,
  team_id: teamId,
  cache: cache && { ttl_seconds: cache.ttlSeconds, include_sampled: cache.includeSampled },
});

function placeOf(context: Context, subject: Subject): { orgId: string; subject: Subject } {
  if (!isUuid(subject.id)) throw noSubject(subject);
  return { orgId: orgOf(context), subject };
}

/** @throws AppError `invalid` for a team that the organization does not have, or of a subject that is no key */
async function assertTeam(
  { teamId }: PolicyTerms,
  { kind }: Subject,
  exists: (team: Subject) => Promise<boolean>,
): Promise<void> {
  if (teamId === null) return;
  const message =
    kind === 'api_key'
      ? `Your organization has no team with the id ${teamId}.`
      : 'Only calls of a key can be said to belong to a team: leave `team_id` out.';
  if (kind !== 'api_key' || !(await exists({ kind: 'team', id: teamId })))
    throw policyErrors.team_unknown(message, { faults: [{ field: 'team_id', constraint: 'known', message }] });
}

const noPolicy = (subject: Subject): Error =>
  policyErrors.not_found(`There is no model policy of ${nameOfSubject(subject)}.`);
const noSubject = (subject: Subject): Error =>
  policyErrors.subject_unknown(`There is no ${subject.kind} with the id ${subject.id} in your organization.`);
