import type { Principal } from '../kernel/principal.ts';
import { coverage, isOwn, type ResourceTypes, SCOPES } from '../modules/access/index.ts';
import type { StreamedEvent } from '../modules/events/index.ts';
import type { Audibility } from '../modules/webhooks/index.ts';

/** Families of events that are not named like the resource whose scope covers them. */
const RESOURCES: Readonly<Record<string, string>> = {
  apikey: 'apikeys',
  member: 'members',
  invitation: 'members',
  custom_role: 'members',
  audit: 'audit',
  model_policy: 'providers',
};
/** Families whose subject is a thing that somebody may own; the longest that fits. */
const TYPES: Readonly<Record<string, string>> = {
  apikey: 'api_key',
  evaluation: 'evaluation',
  workflow: 'workflow_run',
  job: 'job',
  asset: 'asset',
  'workflow.schedule': 'workflow_schedule',
};

const typeOf = (event: string): string => {
  const [family = '', next = ''] = event.split('.', 2);
  return TYPES[`${family}.${next}`] ?? TYPES[family] ?? '';
};

/** Subjects of one caller whose owner is remembered: a stream tells of the same few again and again. */
const REMEMBERED = 1_000;

/** The scope that covers a family of events; null: none does, and nobody sees them. */
function scopeOf(family: string): string | null {
  const scope = `${RESOURCES[family] ?? `${family}s`}:read`;
  return Object.hasOwn(SCOPES, scope) ? scope : null;
}

/** Whether somebody can ever see events that a pattern names. One that leaves the family open says nothing of it. */
export function audibilityOf(principal: Pick<Principal, 'scopes'>, pattern: string): Audibility {
  const family = pattern.split('.', 1)[0] ?? '';
  if (family.includes('*')) return 'heard';
  const scope = scopeOf(family);
  if (scope === null) return 'unknown';
  return coverage(principal.scopes, scope) === 'none' ? 'denied' : 'heard';
}

type Told = Pick<StreamedEvent, 'orgId' | 'type' | 'subject'>;

/**
 * Decides which events a caller may see: those of things that they may read. Who may read only what they made is shown
 * only that. Scopes are asked for at each event, since they may change while the stream is open.
 */
export function eventVisibility(types: ResourceTypes) {
  return (): ((principal: Principal, event: Told) => boolean | Promise<boolean>) => {
    const own = new Map<string, boolean>();
    return (principal, event) => {
      const family = event.type.split('.', 1)[0] ?? '';
      const scope = scopeOf(family);
      // What no scope covers is shown to nobody: whoever adds a family says who sees it.
      if (scope === null) return false;
      const covered = coverage(principal.scopes, scope);
      if (covered !== 'own') return covered === 'all';
      const find = types[typeOf(event.type)]?.find;
      if (!find) return false;
      const key = `${principal.id} ${event.subject}`;
      const known = own.get(key);
      if (known !== undefined) return known;
      return find(event.orgId, [event.subject]).then((owners) => {
        const isTheirs = isOwn(principal, owners.get(event.subject) ?? null);
        if (own.size >= REMEMBERED) own.clear();
        own.set(key, isTheirs);
        return isTheirs;
      });
    };
  };
}
