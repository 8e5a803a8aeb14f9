import type { FieldFault } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { AnyOperation } from '../../platform/operation.ts';
import { SCOPES } from './catalogue.ts';
import { accessErrors } from './errors.ts';
import type { Governed } from './policy.ts';

/** Who made a row: the principal itself, or the person behind it; null where nobody did. */
export type Owner = { kind: string; id: string } | null;

/** Finds which of some ids an organization has, and who made each. */
export type FindOwners = (orgId: string, ids: readonly string[]) => Promise<ReadonlyMap<string, Owner>>;

/** A kind of thing that can be asked about: the first word of the scopes that govern it, and how its rows are found. */
export type ResourceType = { scopes: string; find: FindOwners | null };
export type ResourceTypes = Readonly<Record<string, ResourceType>>;

/** What was asked about, understood: the decision it needs, and whether it reaches a single row. */
export type Asked = { governed: Governed; type: ResourceType; typeName: string; id: string | null };

export type Question = { action: string; resource: { type: string; id: string | null } };

/** Verbs of fabric's early form, which name no scope: what they come to with a resource. */
const VERBS: Readonly<Record<string, string>> = {
  read: 'read',
  list: 'read',
  write: 'write',
  create: 'write',
  update: 'write',
  delete: 'write',
  execute: 'execute',
};
/** Fabric's actions on an organization that are about something in it. */
const ON_ORGANIZATION: Readonly<Record<string, string>> = {
  invite: 'members:write',
  'team.create': 'teams:write',
};

/** Operations that belong to no resource type can be asked about with any. */
const BESIDE_SCOPES: ReadonlySet<string> = new Set(['public', 'authenticated', 'platform']);

/**
 * Understands an action (a scope, an operation's name, or a verb) on a resource.
 * @throws AppError `invalid` for what does not exist, and for actions that have nothing to do with the resource
 */
export function understand(
  { action, resource }: Question,
  types: ResourceTypes,
  operations: ReadonlyMap<string, AnyOperation>,
): Asked {
  const type = Object.hasOwn(types, resource.type) ? types[resource.type] : undefined;
  if (!type) {
    throw unknown(
      'resource.type',
      `There is no resource type ${quote(resource.type)}. Known are: ${Object.keys(types).join(', ')}.`,
    );
  }
  const governed = operations.get(action) ?? byScope(action) ?? byVerb(action, resource.type, type);
  if (!governed) {
    throw unknown(
      'action',
      `There is no action ${quote(action)} on ${resource.type}. Give a scope (${type.scopes}:read), the name of an operation, or a verb: ${Object.keys(VERBS).join(', ')}.`,
    );
  }
  const about = governed.scope.split(':', 1)[0];
  const isOnOrganization = resource.type === 'organization' && Object.values(ON_ORGANIZATION).includes(governed.scope);
  if (about !== type.scopes && !BESIDE_SCOPES.has(governed.scope) && !isOnOrganization) {
    throw unknown('action', `The action ${quote(action)} is about ${about}, not about ${resource.type}.`);
  }
  if (resource.id !== null && type.find === null) {
    throw unknown('resource.id', `A single ${resource.type} cannot be asked about: leave the id out.`);
  }
  // Of a single row, `:own` asks no more than the whole scope does: whose the row is, is looked at anyway.
  const whole = governed.scope.replace(/:own$/, '');
  const isNarrowed = resource.id !== null && whole !== governed.scope;
  return {
    governed: isNarrowed ? { ...governed, name: whole, scope: whole } : governed,
    type,
    typeName: resource.type,
    id: resource.id,
  };
}

function byScope(action: string): Governed | null {
  if (!Object.hasOwn(SCOPES, action) && !Object.hasOwn(SCOPES, `${action}:own`)) return null;
  // A scope says nothing of an effect: whether the organization pays is asked about an operation.
  return { name: action, scope: action, effect: 'read', narrows: true };
}

function byVerb(action: string, typeName: string, { scopes }: ResourceType): Governed | null {
  const scope =
    typeName === 'organization' && Object.hasOwn(ON_ORGANIZATION, action)
      ? ON_ORGANIZATION[action]
      : Object.hasOwn(VERBS, action)
        ? `${scopes}:${VERBS[action]}`
        : undefined;
  return scope === undefined ? null : byScope(scope);
}

/** Whether a row is the principal's own, as `:own` means it. */
export const isOwn = (principal: Principal, owner: Owner): boolean =>
  owner !== null &&
  ((owner.kind === principal.kind && owner.id === principal.id) ||
    (owner.kind === 'maker' && owner.id === (principal.userId ?? principal.id)));

const LONGEST_QUOTE = 60;
const quote = (text: string): string => JSON.stringify(text.slice(0, LONGEST_QUOTE));

function unknown(field: string, message: string): Error {
  const fault: FieldFault = { field, constraint: 'known', message };
  return accessErrors.question_invalid(message, { faults: [fault] });
}
