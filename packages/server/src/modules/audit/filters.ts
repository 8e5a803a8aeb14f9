import { auditErrors } from './errors.ts';

/*
 * What a reader wants to see, as evershell writes it: `column=a,b` is one of these, `column!=a,b` none of these, `column!=`
 * any at all, and `column=` none at all. Several are all to hold.
 */

/** Columns that can be filtered and grouped by: the name on the wire, and what it is in SQL. */
export const COLUMNS = {
  event_type: 'action',
  category: 'category',
  actor: 'actor',
  outcome: 'outcome',
  principal_kind: 'principal_kind',
  principal_id: 'principal_id',
  user_id: `case when principal_kind = 'user' then principal_id else 'system' end`,
  credential: 'credential',
  via: 'via',
  target_type: 'target_type',
  target_id: 'target_id',
  request_id: 'request_id',
  trace_id: 'trace_id',
  org_id: 'org_id::text',
  workspace_id: `case when target_type = 'workspace' then target_id end`,
  task_id: `case when target_type = 'task' then target_id end`,
  agent_role: `detail ->> 'agent_role'`,
  agent_provider: `detail ->> 'agent_provider'`,
} as const;
export type Column = keyof typeof COLUMNS;
export const COLUMN_NAMES = Object.keys(COLUMNS) as Column[];

export type Filter = {
  /** Values of which one must be there; absent: any. */
  within: Partial<Record<Column, readonly string[]>>;
  without: Partial<Record<Column, readonly string[]>>;
  set: readonly Column[];
  unset: readonly Column[];
};

/**
 * Reads filters.
 * @throws AppError `invalid` for a column that is not known, naming those that are
 */
export function parseFilters(texts: readonly string[]): Filter {
  const filter: Filter & { set: Column[]; unset: Column[] } = { within: {}, without: {}, set: [], unset: [] };
  for (const text of texts) {
    const [, name = '', operator, list = ''] = /^([^=!]*)(!?=)(.*)$/s.exec(text) ?? [];
    if (operator === undefined) {
      throw refusal(text, `A filter is \`column=a,b\` or \`column!=a,b\`; "${text}" is neither.`);
    }
    const column = knownColumn(name, 'filter');
    const values = list.split(',').filter((value) => value !== '');
    if (values.length === 0) (operator === '=' ? filter.unset : filter.set).push(column);
    else if (operator === '=') filter.within[column] = both(filter.within[column], values);
    else filter.without[column] = [...(filter.without[column] ?? []), ...values];
  }
  return filter;
}

/**
 * The same with people looked up by the column that has an index.
 * A user's id is the id of the principal, for principals of that kind.
 */
export function withIndexedPeople(filter: Filter): Filter {
  const people = filter.within.user_id;
  if (people === undefined || people.includes('system')) return filter;
  const { user_id: _people, ...within } = filter.within;
  return {
    ...filter,
    within: {
      ...within,
      principal_kind: both(within.principal_kind, ['user']),
      principal_id: both(within.principal_id, people),
    },
  };
}

/** @throws AppError `invalid` that names the columns there are */
export function knownColumn(name: string, field: string): Column {
  if (Object.hasOwn(COLUMNS, name)) return name as Column;
  throw auditErrors.unknown_column(`There is no column "${name}". Known are: ${COLUMN_NAMES.join(', ')}.`, {
    faults: [{ field, constraint: 'known_column', message: `Unknown column ${name}.` }],
  });
}

const both = (one: readonly string[] | undefined, other: readonly string[]): readonly string[] =>
  one === undefined ? other : one.filter((value) => other.includes(value));

const refusal = (text: string, message: string): Error =>
  auditErrors.filter_invalid(message, {
    faults: [{ field: 'filter', constraint: 'format', message: `Not a filter: ${text}.` }],
  });
