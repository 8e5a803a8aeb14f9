import { providerErrors } from '../errors.ts';

/*
 * policy    what calls of models may do, said of one subject
 * subject   the organization, a team or an API key
 * applied   the policies that a call falls under, the widest first; all of them must allow it
 * pattern   a name in which `*` stands for any text
 */

export const SUBJECT_KINDS = ['organization', 'team', 'api_key'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];
export type Subject = { kind: SubjectKind; id: string };

/** How long answers are kept; a time to live of 0 switches the cache off for the subject. */
export type CacheRule = {
  ttlSeconds: number;
  /** Also answers that the model would give another time in other words. */
  includeSampled: boolean;
};

/** What of a policy can be set. Null allows everything, bounds nothing, or leaves it to the next wider policy. */
export type PolicyTerms = {
  /** Patterns of the names of providers; an empty list allows none. */
  providers: readonly string[] | null;
  models: readonly string[] | null;
  tokensPerMinute: number | null;
  /** Of a key only: the team that its calls belong to. */
  teamId: string | null;
  cache: CacheRule | null;
};

export type ModelPolicy = PolicyTerms & {
  orgId: string;
  subject: Subject;
  version: number;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

export type Applied = readonly ModelPolicy[];

/** Whom a call is made for, as far as policies ask. */
export type Subjects = { orgId: string; teamId: string | null; apiKeyId: string | null };

/** A model as it may be asked for: under the name that its provider knows, and under its alias. */
export type NamedModel = { provider: string; names: readonly string[] };

/** Whether a text is what a pattern says; in time linear in both, whatever the pattern. */
export function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Why a model may not be asked, in words for the caller; null when it may. */
export function refusalOf(applied: Applied, model: NamedModel): Error | null {
  for (const policy of applied) {
    const { providers, models } = policy;
    if (providers !== null && !isListed(providers, [model.provider])) {
      return notAllowed(policy, `the providers ${listed(providers)}`, `"${model.provider}"`);
    }
    if (models !== null && !isListed(models, model.names)) {
      return notAllowed(policy, `the models ${listed(models)}`, `"${model.names[0]}" of "${model.provider}"`);
    }
  }
  return null;
}

const isListed = (patterns: readonly string[], names: readonly string[]): boolean =>
  patterns.some((pattern) => names.some((name) => matches(pattern, name)));

/** Of the lists that say something, that of the narrowest subject. */
export const cacheRuleOf = (applied: Applied): CacheRule | null =>
  applied.findLast(({ cache }) => cache !== null)?.cache ?? null;

export const nameOfSubject = ({ kind, id }: Subject): string =>
  kind === 'organization' ? 'your organization' : `${kind === 'team' ? 'team' : 'API key'} ${id}`;

/** More would be a page and not a sentence. */
const MOST_NAMED = 20;

function listed(patterns: readonly string[]): string {
  if (patterns.length === 0) return '(none)';
  const named = patterns.slice(0, MOST_NAMED).join(', ');
  return patterns.length > MOST_NAMED ? `${named} and ${patterns.length - MOST_NAMED} more` : named;
}

const notAllowed = ({ subject }: ModelPolicy, allowed: string, asked: string): Error =>
  providerErrors.not_allowed(
    `The model policy of ${nameOfSubject(subject)} allows only ${allowed}, and ${asked} is not among them. Ask for one that is, or have the policy changed.`,
  );
