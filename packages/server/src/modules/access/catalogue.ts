import type { MemberRole } from '../../kernel/principal.ts';

/**
 * Every scope that exists, `<resource>:<verb>[:own]`, with the sentence that the console and the reference show.
 * `:own` narrows to what the caller made.
 */
export const SCOPES = {
  'organizations:read': 'See the organization and its settings.',
  'organizations:write': 'Change the settings of the organization.',
  'sso:write': 'Say at which issuers people sign in, and so who everybody is. For owners.',
  'members:read': 'See members, their roles and pending invitations.',
  'members:write':
    'Invite people, change roles below your own, remove members, manage custom roles and service accounts.',
  'teams:read': 'See teams and who is in them.',
  'teams:write': 'Create, change and delete teams.',
  'teams:write:own': 'Say who is in the teams that you maintain.',
  'apikeys:read': 'List API keys and their scopes. Never shows a key.',
  'apikeys:read:own': 'List the API keys that you made.',
  'apikeys:write': 'Create, change, rotate and revoke API keys, within your own rights.',
  'apikeys:write:own': 'Create API keys within your own rights, and change, rotate and revoke those that you made.',
  'audit:read': 'Read the audit log, its checkpoints and proofs.',
  'audit:read:own': 'Read the entries of the audit log about your own acts.',
  'secrets:read': 'See which secrets there are and when they changed. Never shows a value.',
  'secrets:write': 'Keep, replace and delete secrets, and replace the data keys of the organization.',
  'credentials:read': 'See all credentials and how they stand, those of people included. Never shows a secret.',
  'credentials:read:own': "See the organization's credentials and your own.",
  'credentials:write': 'Add, authorize and revoke credentials of the organization, and revoke those of people.',
  'credentials:write:own': 'Add, authorize and revoke credentials of your own.',
  'providers:read': 'See providers of models, what they can do, and the models that can be asked for.',
  'providers:write': 'Add, change, archive and remove providers, and give them keys.',
  'providers:execute': 'Ask models, within the budgets that apply.',
  'captures:read':
    'Read what callers asked of models and were answered, where the organization keeps it. Each reading is audited.',
  'captures:write': 'Say which calls to models are captured, and delete captures.',
  'usage:read': 'See what everybody in the organization used and what it cost.',
  'usage:read:own': 'See what you used and what it cost.',
  'budgets:read': 'See budgets, how they stand, and what models cost.',
  'budgets:write': 'Set, change and delete budgets, and what models cost.',
  'assets:read': 'List and download stored files and run output.',
  'assets:read:own': 'List and download the files that you uploaded.',
  'assets:write': 'Upload and delete stored files.',
  'assets:write:own': 'Upload files, and delete those that you uploaded.',
  'events:read': 'Follow the event stream.',
  'webhooks:read': 'See webhooks, and what was sent to them of events that you may see. Never shows a secret.',
  'webhooks:write': 'Add, change, test and delete webhooks, within what you may see.',
  'workflows:read': 'See workflow definitions, runs and what they came to.',
  'workflows:read:own': 'See workflow definitions, the runs that you made, and what waits for your decision.',
  'workflows:write':
    'Add and archive workflow definitions, make, start, pause, retry and cancel runs, and decide what they ask.',
  'workflows:write:own':
    'Make runs of workflows, and start, pause, retry and cancel those that you made; decide what you are asked.',
  'jobs:read': 'See jobs, what they were asked, what they gave and what they used.',
  'jobs:read:own': 'See the jobs that you made.',
  'jobs:write': 'Make, cancel and retry jobs.',
  'jobs:write:own': 'Make jobs, and cancel and retry those that you made.',
  'evaluations:read': 'See evaluations, their output and the queue.',
  'evaluations:read:own': 'See the evaluations that you submitted, and their output.',
  'evaluations:write': 'Submit, cancel and kill evaluations.',
  'evaluations:write:own': 'Submit evaluations, and cancel and kill those that you submitted.',
} as const satisfies Record<string, string>;
export type Scope = keyof typeof SCOPES;

const isScope = (text: string): text is Scope => Object.hasOwn(SCOPES, text);

const ALL = (Object.keys(SCOPES) as Scope[]).filter((scope) => !scope.endsWith(':own'));
/** What people said: whoever may look at everything else may not look at that. */
const CONTENT_READS: ReadonlySet<Scope> = new Set(['captures:read']);
const READS = ALL.filter((scope) => scope.endsWith(':read') && !CONTENT_READS.has(scope));
/** Reads that say how the organization is guarded: not for everybody who may look. */
const GUARDED_READS: ReadonlySet<Scope> = new Set([
  'audit:read',
  'apikeys:read',
  'secrets:read',
  'credentials:read',
  'usage:read',
  'webhooks:read',
]);
const VIEWER: Scope[] = [...READS.filter((scope) => !GUARDED_READS.has(scope)), 'usage:read:own'];
/** Whoever is made maintainer of a team looks after it, whatever else they may do. */
const MAINTAINER: Scope[] = [...VIEWER, 'teams:write:own'];
const DEVELOPER_OWN: readonly Scope[] = ['audit:read:own', 'credentials:read:own', 'credentials:write:own'];
const DEVELOPER: Scope[] = [
  ...MAINTAINER,
  'evaluations:write',
  'workflows:write',
  'assets:write',
  'jobs:write',
  'providers:execute',
  'apikeys:read',
  'secrets:read',
  ...DEVELOPER_OWN,
];
const OPERATOR: Scope[] = [
  ...DEVELOPER.filter((scope) => !DEVELOPER_OWN.includes(scope) && scope !== 'usage:read:own'),
  'audit:read',
  'usage:read',
  'apikeys:write:own',
  'secrets:write',
  'credentials:read',
  'credentials:write',
  'webhooks:read',
  'webhooks:write',
];

/** What is an owner's alone: whoever sets an issuer can become anybody. */
const OWNERS: ReadonlySet<Scope> = new Set(['sso:write']);

/** What each member role holds. A role of the ladder holds all that the ones below it hold. */
export const ROLE_SCOPES: Readonly<Record<MemberRole, ReadonlySet<Scope>>> = {
  viewer: new Set(MAINTAINER),
  developer: new Set(DEVELOPER),
  operator: new Set(OPERATOR),
  admin: new Set(ALL.filter((scope) => !OWNERS.has(scope))),
  owner: new Set(ALL),
};

/** Sets of scopes to choose from when a key is made. */
export const KEY_TEMPLATES = {
  full_access: ALL,
  submit_observe: [...VIEWER, 'evaluations:write', 'jobs:write', 'providers:execute'],
  read_only: READS,
} as const satisfies Record<string, readonly Scope[]>;
export type KeyTemplate = keyof typeof KEY_TEMPLATES;

const OWN = ':own';

/** How a set of scopes covers one: all of it, only what the caller owns, or not. */
export function coverage(held: ReadonlySet<string>, scope: string): 'all' | 'own' | 'none' {
  if (held.has(scope)) return 'all';
  if (scope.endsWith(OWN)) return held.has(scope.slice(0, -OWN.length)) ? 'all' : 'none';
  return held.has(scope + OWN) ? 'own' : 'none';
}

/** The most that is within both what was asked and the bound; a scope that is bounded to `:own` becomes it. */
export function scopesWithin(asked: Iterable<string>, bound: ReadonlySet<string>): Set<string> {
  const within = new Set<string>();
  for (const scope of asked) {
    const covered = coverage(bound, scope);
    if (covered === 'all') within.add(scope);
    else if (covered === 'own') within.add(scope + OWN);
  }
  return within;
}

/** What a member holds: the scopes of a custom role where there is one, else those of the ladder. */
export const scopesOfMember = (role: MemberRole, customScopes: readonly string[] | null): ReadonlySet<string> =>
  customScopes === null ? ROLE_SCOPES[role] : new Set(customScopes.filter(isScope));

/** What a key was given: what its template holds today, or the scopes it was made with. */
export const scopesOfKey = (template: KeyTemplate | null, scopes: readonly string[]): readonly string[] =>
  template === null ? scopes.filter(isScope) : KEY_TEMPLATES[template];
